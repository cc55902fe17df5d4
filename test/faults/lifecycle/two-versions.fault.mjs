import { cpSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../../scripts/build.mjs';
import { own } from '../support/belongings.mjs';
import { rollingRestart } from '../support/rolling.mjs';

export default {
  name: 'lifecycle/two-versions',
  promise:
    'A new version with a further migration replaces one replica: both serve, the old one stays ready and can be restarted',
  needs: ['proc', 'haproxy'],
  async run({ log }) {
    const next = nextVersion();
    const restarts = [{ replica: 1, program: next.program }, { replica: 0 }];
    return rollingRestart({ log, restarts, check: (at) => checkVersions(next, at) });
  },
};

async function checkVersions({ migration }, { cluster, replicas }) {
  const applied = await cluster.ask('SELECT name FROM pgmigrations ORDER BY id DESC LIMIT 1');
  const statuses = await Promise.all(
    replicas.map(async ({ origin }) => (await fetch(`${origin}/readyz`)).status),
  );
  return {
    'the new migration is applied': applied[0].name === migration,
    'both are ready': statuses.every((status) => status === 200),
  };
}

/** A copy of this version with one more migration, which the old code can live with. */
function nextVersion() {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-next-'));
  own('folder', folder);
  for (const name of ['dist', 'migrations', 'package.json']) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  const number =
    Math.max(...readdirSync(path.join(root, 'migrations')).map((name) => Number.parseInt(name, 10) || 0)) + 1;
  const migration = `${String(number).padStart(4, '0')}_add-nickname`;
  writeFileSync(
    path.join(folder, 'migrations', `${migration}.sql`),
    "ALTER TABLE users ADD COLUMN nickname text NOT NULL DEFAULT '';\n",
  );
  return { program: path.join(folder, 'dist', 'server.js'), migration };
}
