import { register } from 'node:module';
import t from 'tap';
import { loadEngine } from '../../src/passwords/engine.ts';
import { createDatabase } from '../support/database.ts';
import { freePort, post, production, ready, run } from '../support/gatehouse-process.ts';
import { newPerson } from '../support/people.ts';

// Makes resolving the optional package fail, as it does where npm could not install it
const hooks = `export async function resolve(specifier, context, next) {
  if (!specifier.startsWith('@node-rs/bcrypt')) return next(specifier, context);
  throw Object.assign(new Error('Cannot find package ' + specifier), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
const url = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
register(url(hooks));
// The threads of a process have its options, and no hooks that are registered later
const registration = `import { register } from 'node:module'; register(${JSON.stringify(url(hooks))});`;
const nodeOptions = ['--import', url(registration)];

t.test('the native engine is refused without it, saying why', async (t) => {
  await t.rejects(loadEngine('native'), {
    name: 'EngineMissingError',
    message: /PASSWORD_HASH_ENGINE is native, but .*@node-rs\/bcrypt does not load/,
    cause: { code: 'ERR_MODULE_NOT_FOUND' },
  });
  t.equal((await loadEngine('auto')).name, 'bcryptjs');
});

t.test('native is refused at start, saying what to do', async (t) => {
  const { url } = await createDatabase(t);
  const env = production(url, await freePort(), { PASSWORD_HASH_ENGINE: 'native' });
  const gatehouse = run(t, 'server.js', { env, nodeOptions });
  t.strictSame(await gatehouse.ended, { code: 1, signal: null });
  t.match(
    gatehouse.stderr(),
    /^PASSWORD_HASH_ENGINE is native, but .*@node-rs\/bcrypt does not load.*bcryptjs\n$/,
  );
});

t.test('auto takes bcryptjs without it', async (t) => {
  const program = run(t, new URL('../support/hash-engine.mjs', import.meta.url), { nodeOptions });
  t.strictSame(await program.ended, { code: 0, signal: null });
  t.equal(program.stdout(), 'bcryptjs\n');
});

t.test('auto hashes without it', async (t) => {
  const { url } = await createDatabase(t);
  const port = await freePort();
  const gatehouse = run(t, 'server.js', { env: production(url, port), nodeOptions });
  const origin = await ready(gatehouse, port);
  const person = newPerson();
  t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
  t.equal((await post(origin, '/api/v1/auth/login', person)).status, 422, 'no more than email and password');
  const { email, password } = person;
  t.equal((await post(origin, '/api/v1/auth/login', { email, password })).status, 200);
});
