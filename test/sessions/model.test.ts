import fc from 'fast-check';
import t, { type Test } from 'tap';
import { startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { freezeClock } from '../support/frozen-clock.ts';
import { newPerson } from '../support/people.ts';
import { type ModelSession, type Rules, SessionModel } from '../support/session-model.ts';

const day = 86_400;
const rules: Rules = { access: 900, lifetime: 2 * day, idle: day, grace: 10, perUser: 3 };

type Command = fc.AsyncCommand<{ model: SessionModel }, undefined>;

/** A command that has something to do once `candidates` finds a session; the numbers choose among what there is. */
function command(
  name: string,
  run: (model: SessionModel, session: ModelSession, choice: number) => Promise<void>,
  candidates: (model: SessionModel) => ModelSession[] = ({ sessions }) => sessions,
): fc.Arbitrary<Command> {
  return fc.tuple(fc.nat(1000), fc.nat(1000)).map(([which, choice]) => ({
    check: ({ model }) => candidates(model).length > 0,
    run: async ({ model }) => {
      const session = oneOf(preferAlive(model, candidates(model), which), which);
      await run(model, session, choice);
      await model.check();
    },
    toString: () => `${name}(${which}, ${choice})`,
  }));
}

function oneOf<T>(list: readonly T[], choice: number): T {
  const one = list[choice % list.length];
  if (one === undefined) throw new Error('there is nothing to choose from');
  return one;
}

/** Most have ended after a while: mostly one is chosen that has not. */
function preferAlive(model: SessionModel, sessions: ModelSession[], choice: number): ModelSession[] {
  const alive = sessions.filter((session) => model.isAlive(session));
  return alive.length > 0 && choice % 7 > 1 ? alive : sessions;
}

/** The newest access token, or now and then any. */
function accessOf({ accessTokens }: ModelSession, choice: number) {
  return oneOf(choice % 7 > 1 ? accessTokens.slice(-1) : accessTokens, choice);
}

/** Those that have had so many refresh tokens. */
const withTokens =
  (least: number) =>
  ({ sessions }: SessionModel) =>
    sessions.filter(({ refreshTokens }) => refreshTokens.length >= least);

const logIn = fc.nat(2).map(
  (choice): Command => ({
    check: () => true,
    run: async ({ model }) => {
      // The first user more often
      await model.logIn(oneOf(model.users, choice));
      await model.check();
    },
    toString: () => `logIn(${choice})`,
  }),
);

const step = fc
  .oneof(
    { weight: 6, arbitrary: fc.constantFrom(1, 4, 5, 9, 10, 11) },
    { weight: 2, arbitrary: fc.constantFrom(899, 900, 901) },
    { weight: 1, arbitrary: fc.constantFrom(day - 1, day) },
  )
  .map(
    (seconds): Command => ({
      check: () => true,
      run: async ({ model }) => {
        await model.clock.advance(seconds);
        await model.check();
      },
      toString: () => `step(${seconds})`,
    }),
  );

const refreshCurrent = command('refresh', (model, session) =>
  model.refresh(session, session.refreshTokens.length),
);
/** Brings the oldest session towards its absolute end, while others are left idle. */
const keepUsing = command(
  'keepUsing',
  async (model, session) => {
    await model.refresh(session, session.refreshTokens.length);
    await model.clock.advance(0.6 * day);
    await model.check();
    await model.refresh(session, session.refreshTokens.length);
  },
  (model) => model.sessions.filter((session) => model.isAlive(session)).slice(0, 1),
);
const replayPrevious = command(
  'replayPrevious',
  (model, session) => model.refresh(session, session.refreshTokens.length - 1),
  withTokens(2),
);
const replayOlder = command(
  'replayOlder',
  (model, session, choice) => model.refresh(session, 1 + (choice % (session.refreshTokens.length - 2))),
  withTokens(3),
);
const logOutByRefreshToken = command('logOutByRefreshToken', (model, session, choice) =>
  model.logOutByRefreshToken(session, 1 + (choice % session.refreshTokens.length)),
);
const logOutByAccessToken = command('logOutByAccessToken', (model, session, choice) =>
  model.logOutByAccessToken(session, accessOf(session, choice)),
);
const logOutOthers = command('logOutOthers', (model, session, choice) =>
  model.logOutMany(session, accessOf(session, choice), 'others'),
);
const logOutAll = command('logOutAll', (model, session, choice) =>
  model.logOutMany(session, accessOf(session, choice), 'all'),
);
const endSession = command('endSession', (model, session, choice) =>
  model.endSession(
    session,
    accessOf(session, choice),
    oneOf(preferAlive(model, model.sessions, choice), choice),
  ),
);
const list = command('list', (model, session, choice) => model.list(session, accessOf(session, choice)));
const readUser = command('readUser', (model, session, choice) =>
  model.readUser(session, accessOf(session, choice)),
);

// Some twice and more, to be tried as often: logging out leaves less to do for what follows
const commands = [
  ...[logIn, logIn, logIn, logIn, refreshCurrent, refreshCurrent, refreshCurrent, refreshCurrent],
  ...[step, step, step, keepUsing, keepUsing, replayPrevious, replayPrevious, replayOlder, list, readUser],
  ...[logOutByRefreshToken, logOutByAccessToken, logOutOthers, logOutAll, endSession],
];

/** Runs many sequences of commands against two replicas. Returns how often each kind of outcome was met. */
async function tryCommands(t: Test, grace: number, numRuns: number): Promise<Map<string, number>> {
  const database = await createDatabase(t);
  const clock = await freezeClock(t, database);
  const env = {
    ACCESS_TOKEN_TTL_SECONDS: String(rules.access),
    TOKEN_EXPIRY_LIMIT: String(rules.lifetime / day),
    SESSION_IDLE_DAYS: String(rules.idle / day),
    REFRESH_GRACE_SECONDS: String(grace),
    SESSIONS_PER_USER_MAX: String(rules.perUser),
    LOG_LEVEL: 'error',
  };
  const gatehouse = await startApp(t, { env, database });
  const replicas = [gatehouse, await startApp(t, { env, database, hasher: gatehouse.hasher })];
  const met = new Map<string, number>();
  const someone = async () => {
    const person = newPerson();
    const { body } = await gatehouse.post('/api/v1/register-user', person);
    return { ...person, userId: Number(body['user_id']) };
  };

  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 40, size: 'max' }), (sequence) =>
      fc.asyncModelRun(async () => {
        const users = [await someone(), await someone()];
        const model = new SessionModel({ users, clock, rules: { ...rules, grace }, replicas, met });
        for (const user of users) await model.logIn(user);
        return { model: { model }, real: undefined };
      }, sequence),
    ),
    // Unbiased: long sequences as often as short ones
    { numRuns, unbiased: true },
  );
  t.strictSame(
    replicas.flatMap(({ logLines }) => logLines),
    [],
    'none of it was a defect',
  );
  t.comment(Object.fromEntries(met));
  return met;
}

t.test('sessions do what their model says, whatever the order', async (t) => {
  const met = await tryCommands(t, rules.grace, 100);
  const expected = [
    ...['200', '204', 'SESSION_ENDED', 'SESSION_NOT_FOUND', 'ACCESS_TOKEN_EXPIRED', 'REFRESH_TOKEN_EXPIRED'],
    ...['repeated within the grace', 'reused after the grace', 'reused, older', 'idle', 'expired'],
    ...['logout by refresh token', 'logout by access token', 'logout-others', 'logout-all', 'deletion'],
    'one too many',
  ];
  for (const what of expected) t.ok(met.get(what), `${what} was met`);
});

t.test('and so without a grace', async (t) => {
  const met = await tryCommands(t, 0, 30);
  t.notOk(met.get('repeated within the grace'));
  t.ok(met.get('reused after the grace'));
});
