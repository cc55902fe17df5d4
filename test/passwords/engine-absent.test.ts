import { register } from 'node:module';
import t from 'tap';
import { loadEngine } from '../../src/passwords/engine.ts';
import { startPasswordHasher } from '../../src/passwords/hasher.ts';

// Makes resolving the optional package fail, as it does where npm could not install it
const hooks = `export async function resolve(specifier, context, next) {
  if (!specifier.startsWith('@node-rs/bcrypt')) return next(specifier, context);
  throw Object.assign(new Error('Cannot find package ' + specifier), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

t.test('native is refused at start, saying what to do', async (t) => {
  const refusal = {
    message: /PASSWORD_HASH_ENGINE is native, but .*@node-rs\/bcrypt does not load.*bcryptjs/,
    cause: { code: 'ERR_MODULE_NOT_FOUND' },
  };
  await t.rejects(loadEngine('native'), refusal);
  await t.rejects(startPasswordHasher({ cost: 4, engine: 'native', maxWaitMs: 1000, threads: 1 }), refusal);
});

t.test('auto hashes without it', async (t) => {
  const hasher = await startPasswordHasher({ cost: 4, engine: 'auto', maxWaitMs: 1000, threads: 1 });
  t.teardown(() => hasher.close());
  t.equal(hasher.engine, 'bcryptjs');
  const stored = await hasher.hash('correct horse');
  t.same((await hasher.verify('correct horse', stored)).matches, true);
});
