import { fileURLToPath } from 'node:url';
import { startServer } from './server-process.mjs';

/** Starts the bare service (floor.mjs) that Gatehouse's cost is compared to. */
export function startFloor({ folder, databaseUrl, secrets }) {
  return startServer({
    script: fileURLToPath(new URL('floor.mjs', import.meta.url)),
    name: 'bare',
    folder,
    probe: '/',
    env: { ...secrets, DATABASE_URL: databaseUrl },
  });
}
