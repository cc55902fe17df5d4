import { setTimeout as sleep } from 'node:timers/promises';
import { audit } from '../support/audit.mjs';
import { createCluster } from '../support/cluster.mjs';
import { startReplica } from '../support/service.mjs';
import { startTraffic } from '../support/traffic.mjs';

export default {
  name: 'database/control-audit',
  promise:
    'Control: the audit and the ledger notice each kind of write that is lost, or applied and not asked for',
  needs: ['proc'],
  run,
};

/** Each does to the tables what a fault must not, and names what then has to be noticed. */
const damages = [
  ['a registration is lost', 'lost', 'DELETE FROM users WHERE user_id = (SELECT min(user_id) FROM users)'],
  [
    'a login is lost',
    'lost',
    `DELETE FROM refreshaccesstokens WHERE tokenid = ${'(SELECT min(tokenid) FROM refreshaccesstokens)'}`,
  ],
  [
    'a refresh is lost',
    'lost',
    'UPDATE refreshaccesstokens SET generation = generation - 1 WHERE generation > 1',
  ],
  ['a refresh is applied twice', 'twice', 'UPDATE refreshaccesstokens SET generation = generation + 1'],
  [
    'a login is applied twice',
    'twice',
    `INSERT INTO refreshaccesstokens (tokens, user_id, expires_at, idle_seconds)
       SELECT '\\x00', max(user_id), now() + interval '1 day', 86400 FROM users`,
  ],
  [
    'a registration is applied twice',
    'twice',
    `INSERT INTO users (name, email, location, password) SELECT name, 'again-' || email, location, password FROM users LIMIT 1`,
  ],
];

async function run({ short }) {
  const cluster = await createCluster();
  const replica = await startReplica({ databaseUrl: cluster.url() });
  const traffic = await startTraffic({ origins: [replica.origin] });
  await sleep(short ? 2000 : 4000);
  await traffic.stop();
  await replica.stop();
  const { ledger } = traffic;
  const clean = await audit((sql) => cluster.ask(sql), ledger);
  if (ledger.violations.length + clean.lost.length + clean.twice.length > 0)
    throw new Error(`without a fault: ${[...ledger.violations, ...clean.lost, ...clean.twice].join('\n')}`);
  const noticed = [];
  for (const [what, where, statement] of damages) {
    const found = await auditDamaged(cluster, ledger, statement);
    if (found[where].length === 0) throw new Error(`the audit does not notice when ${what}`);
    noticed.push({ what, found: found[where][0] });
  }
  return {
    saw: `${noticed.length} kinds of damage, all of them noticed`,
    figures: { checked: clean.checked, noticed },
  };
}

/** What the audit finds while the damage is there; it is undone afterwards. */
async function auditDamaged(cluster, ledger, statement) {
  const client = await cluster.connect();
  await client.query('BEGIN');
  await client.query(statement);
  const found = await audit(async (sql) => (await client.query(sql)).rows, ledger);
  await client.query('ROLLBACK');
  await client.end();
  return found;
}
