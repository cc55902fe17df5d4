import { readFileSync } from 'node:fs';

/** What docs/scaling.md is reckoned from: microseconds of CPU, milliseconds of one hash, bytes. `npm run bench:scale -- --day` writes another. */
export const measuredFile = new URL('measured.json', import.meta.url);

export const readMeasured = () => JSON.parse(readFileSync(measuredFile, 'utf8'));

// No run measures it without its hash: two statements, one pair of tokens
const serviceLogin = 400;

// Their rows come in no order
const randomIndexes = [
  'users_email_key',
  'refreshaccesstokens_tokens_key',
  'refreshaccesstokens_user_id_idx',
];

/** The same of the results of a full `npm run bench:scale` and a whole `npm run bench`. */
export function measuredBy(scale, bench) {
  const micros = (name) => {
    const { cpuMicros } = scale.latencies.find((each) => each.name === name).big;
    if (cpuMicros === undefined) throw new Error('the CPU of Postgres was out of sight in that run');
    return Math.round(cpuMicros);
  };
  const service = (name) =>
    Math.round(bench.costs.find((each) => each.name === name).micros.gatehouse.median);
  const storm = bench.storms.find(({ engine }) => engine === 'native');
  const { users, sessions } = scale.size.big;
  const { relations } = scale.sizes;
  const bytes = (rows, wanted) =>
    Math.round(relations.filter(wanted).reduce((sum, relation) => sum + relation.bytes, 0) / rows);
  const isOf = (owner) => (relation) => relation.table === owner;
  const isIndexOf = (owner) => (relation) => isOf(owner)(relation) && relation.name !== owner;
  const isRandomOf = (owner) => (relation) => isOf(owner)(relation) && randomIndexes.includes(relation.name);
  const rounded = ({ withPages, withoutPages }) => ({
    withPages: Math.round(withPages),
    withoutPages: Math.round(withoutPages),
  });
  return {
    from: {
      scale: `\`npm run bench:scale\`, ${users.toLocaleString('en')} users, commit ${scale.machine.commit}`,
      bench: `\`npm run bench\`, commit ${bench.commit.slice(0, 7)}`,
    },
    service: { me: service('me'), refresh: service('refresh'), login: serviceLogin },
    server: {
      me: micros('select_user_by_session'),
      refresh: micros('rotate_session'),
      login: micros('select_credentials') + micros('insert_session'),
    },
    hashMs: Math.round((storm.threads * 1000) / storm.bare.median),
    hashShare: Number(storm.aloneShare.median.toFixed(2)),
    wal: { refresh: rounded(scale.wal.refresh), login: rounded(scale.wal.login) },
    bytes: {
      user: bytes(users, isOf('users')),
      session: bytes(sessions, isOf('refreshaccesstokens')),
      sessionRow: bytes(sessions, ({ name }) => name === 'refreshaccesstokens'),
      userIndexes: bytes(users, isIndexOf('users')),
      sessionIndexes: bytes(sessions, isIndexOf('refreshaccesstokens')),
      userRandomIndexes: bytes(users, isRandomOf('users')),
      sessionRandomIndexes: bytes(sessions, isRandomOf('refreshaccesstokens')),
    },
  };
}
