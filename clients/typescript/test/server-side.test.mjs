import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGatehouse, localStorageStore } from '../dist/index.js';
import { serviceForTests } from './support/service.mjs';

const service = serviceForTests();

for (const [where, prepare] of [
  ['Node', () => {}],
  [
    'a Node that has a localStorage for all users',
    (t) => {
      const items = new Map();
      const storage = {
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => items.set(key, value),
        removeItem: (key) => items.delete(key),
      };
      const own = Object.getOwnPropertyDescriptor(globalThis, 'localStorage');
      Object.defineProperty(globalThis, 'localStorage', { value: storage, configurable: true });
      t.after(() => {
        if (own) Object.defineProperty(globalThis, 'localStorage', own);
        else delete globalThis.localStorage;
      });
    },
  ],
]) {
  test(`a module of an app that is rendered in ${where} finds nobody logged in`, async (t) => {
    prepare(t);
    const client = createGatehouse({ baseUrl: service.origin, store: localStorageStore() });
    const user = service.newUser();
    const unsubscribe = client.onSessionEnd(() => assert.fail('no session ends'));
    assert.equal(await client.isLoggedIn(), false);
    assert.equal(await client.accessToken(), undefined);
    await assert.rejects(client.me(), { errorCode: 'AUTHENTICATION_REQUIRED' });
    await client.register(user);
    await assert.rejects(client.login(user), /^Error: localStorageStore keeps nothing/);
    assert.equal(await client.isLoggedIn(), false);
    await client.logout();
    unsubscribe();
  });
}
