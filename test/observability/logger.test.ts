import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import pg from 'pg';
import t from 'tap';
import { errorSerializer } from '../../src/observability/logger.ts';
import { startApp } from '../support/app.ts';
import { newPerson } from '../support/people.ts';

const logger = new URL('../../dist/observability/logger.js', import.meta.url).href;

/** Runs code that has a `logger`; returns its stdout, which is a pipe or, under script(1), a terminal. */
function log(code: string, { readable = true, terminal = false } = {}): string {
  const source = `
    import { createLogger, flushLog } from ${JSON.stringify(logger)};
    const logger = createLogger({ level: 'info', readable: ${readable} });
    ${code};
    await flushLog(logger)`;
  const node = ['env', '-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', source];
  const quoted = node.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  const [program = '', ...args] = terminal ? ['script', '-qec', quoted, '/dev/null'] : node;
  return spawnSync(program, args, { encoding: 'utf8', env: { PATH: process.env['PATH'] } }).stdout;
}

t.test('an error that quotes a row reaches the log without it', async (t) => {
  const gatehouse = await startApp(t);
  await gatehouse.database.client.query(`ALTER TABLE users ADD CONSTRAINT planted CHECK (name <> 'Mallory')`);
  const person = newPerson({ name: 'Mallory' });
  const { status, body } = await gatehouse.post('/api/v1/register-user', person);
  t.equal(status, 500);
  t.strictSame(Object.keys(body), ['detail', 'error_code']);

  const line = gatehouse.logLines.find((each) => each['error_code'] === 'INTERNAL_ERROR');
  t.match(line, {
    err: {
      code: '23514',
      message: /violates check constraint "planted"/,
      stack: String,
      constraint: 'planted',
    },
  });
  const all = JSON.stringify(gatehouse.logLines);
  for (const secret of ['$2b$', person.email, person.password, 'Failing row'])
    t.notOk(all.includes(secret), secret);
});

t.test('the error itself did quote it', async (t) => {
  const client = new pg.Client({ connectionString: process.env['TEST_DATABASE_URL'] });
  await client.connect();
  t.teardown(() => client.end());
  await client.query(`CREATE TEMPORARY TABLE quoted (password text, CHECK (password = ''))`);
  const error = await client
    .query(`INSERT INTO quoted VALUES ('$2b$12$hash')`)
    .catch((error: unknown) => error);
  t.match(error, { detail: /\$2b\$12\$hash/ });
  const wrapped = new Error('outer', { cause: new AggregateError([error], 'both', { cause: error }) });
  Object.assign(wrapped, { original: error, rows: [error] });
  const serialised = JSON.stringify(errorSerializer(wrapped));
  t.notMatch(serialised, /hash/, 'however deep it is');
  t.match(serialised, /23514/, 'its code is there');
  t.match(errorSerializer(wrapped), {
    type: 'Error',
    message: /^outer/,
    cause: { errors: [{ code: '23514' }] },
  });
});

t.test('errorSerializer takes whatever is thrown', async (t) => {
  for (const thrown of [undefined, null, 'text', 42]) t.equal(errorSerializer(thrown), thrown);
  const circular = new Error('circular');
  circular.cause = circular;
  t.match(errorSerializer(circular), { message: /^circular/ });
});

t.test('a line break in a message makes no second line', async (t) => {
  const text = log(
    `logger.info({ name: 'a\\r\\nb' }, 'one\\r\\n{"level":60,"msg":"forged"}\\u2028\\u001b[31m')`,
  );
  t.equal(text.split('\n').length, 2);
  const [line = ''] = text.split('\n');
  t.match(JSON.parse(line), { level: 30, msg: /^one\r\n\{/, name: 'a\r\nb' });
  t.notOk(line.includes('\r') || line.includes('\u001b'));
});

t.test('a fatal line is written at once', async (t) => {
  const end = `process.kill(process.pid, 'SIGKILL')`;
  const [before, last] = log(`logger.info('before'); logger.fatal('last'); ${end}`).trim().split('\n');
  t.equal(JSON.parse(before ?? '').msg, 'before');
  t.equal(JSON.parse(last ?? '').msg, 'last');
  t.equal(log(`logger.error('gathered'); ${end}`), '', 'others wait for more');
});

t.test('lines are readable only where somebody looks at them', async (t) => {
  const say = `logger.info('hello')`;
  t.equal(JSON.parse(log(say)).msg, 'hello', 'not in a pipe');
  const { status } = spawnSync('script', ['--version']);
  await t.test(
    'on a terminal',
    { skip: status === 0 ? false : 'needs script(1) of util-linux' },
    async (t) => {
      t.match(log(say, { terminal: true }), /INFO.*hello/);
      const request = {
        reqId: 'a',
        method: 'GET',
        route: '/api/v1/me',
        status: 401,
        ms: 1.5,
        error_code: 'B',
      };
      const readable = log(`logger.info(${JSON.stringify(request)}, 'request')`, { terminal: true });
      const [line, ...rest] = stripVTControlCharacters(readable).trim().split('\n');
      t.match(line, /INFO: request GET \/api\/v1\/me 401 in 1\.5 ms \{"reqId":"a","error_code":"B"\}\s*$/);
      t.strictSame(rest, [], 'on one line');
      t.equal(JSON.parse(log(say, { terminal: true, readable: false })).msg, 'hello', 'nor in production');
    },
  );
});
