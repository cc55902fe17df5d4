// Measures what the service promises about its speed, on one machine in one run: see README.md. Exits with 1 when a
// bar is missed or something could not be measured.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openDatabase } from '../scripts/database.mjs';
import { measureCost } from './cost.mjs';
import { startLoad } from './load-generator.mjs';
import { openSessions, registerUsers } from './people.mjs';
import { describeMachine, judge, render, save } from './report.mjs';
import { startFloor, startGatehouse } from './servers.mjs';
import { plan, quick } from './settings.mjs';
import { measureStorm } from './storm.mjs';

/** Closes what has been opened, newest last. */
const opened = [];
const began = performance.now();
const progress = (message) => console.error(`bench: ${message}`);
const randomText = (bytes) => randomBytes(bytes).toString('base64url');

async function open(opening, close) {
  const thing = await opening;
  opened.push(() => close(thing));
  return thing;
}

async function closeAll() {
  for (const close of opened.splice(0).reverse()) await close().catch((error) => progress(error.message));
}

async function measure() {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-bench-'));
  opened.push(async () => rmSync(folder, { recursive: true, force: true }));
  const database = await open(
    openDatabase({ purpose: 'bench', serverUrl: process.env.DATABASE_URL, onProgress: progress }),
    (each) => each.close(),
  );
  const machine = await describeMachine(database);
  // The same for both services, so that each takes the other's tokens
  const secrets = { SECRET_KEY: randomText(32), REFRESH_TOKEN_SECRET: randomText(32) };
  const common = { folder, databaseUrl: database.url, secrets };
  const load = await open(startLoad(), (each) => each.stop());

  let service = await open(startGatehouse(common), (each) => each.stop());
  const floor = await open(startFloor(common), (each) => each.stop());
  const credentials = await registerUsers(service.url, 8);
  const sessions = await openSessions(service.url, credentials, plan.connections);
  const costs = await measureCost({ service, floor, load, sessions, progress });
  await floor.stop();
  await service.stop();

  const storms = [];
  for (const engine of ['native', 'bcryptjs']) {
    service = await open(startGatehouse({ ...common, engine }), (each) => each.stop());
    storms.push(await measureStorm({ service, load, credentials, sessions, engine, progress }));
    await service.stop();
  }
  return { machine, costs, storms };
}

/** Rejects on Ctrl-C, on SIGTERM and when the run takes too long. */
function interruption() {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
    const late = () => reject(new Error(`not done after ${plan.boundSeconds} s`));
    setTimeout(late, plan.boundSeconds * 1000).unref();
  });
}

try {
  const result = await Promise.race([measure(), interruption()]);
  result.verdicts = judge(result);
  result.seconds = (performance.now() - began) / 1000;
  console.log(render(result));
  if (quick) {
    progress('every part works; a quick run holds nothing to the bars, as its figures mean nothing');
  } else {
    progress(`everything measured is in ${path.relative(process.cwd(), save(result))}`);
    process.exitCode = result.verdicts.every(({ passes }) => passes) ? 0 : 1;
  }
} catch (error) {
  progress(error.message);
  process.exitCode = 1;
} finally {
  await closeAll();
}
// What an interrupted measurement still waits for would keep the process alive
process.exit();
