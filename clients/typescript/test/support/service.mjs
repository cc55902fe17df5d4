import { after, before } from 'node:test';
import { startService } from '../../../../scripts/live-service.mjs';
import { createGatehouse } from '../../dist/index.js';
import { startProxy } from './proxy.mjs';

/** The real service for the tests of a file, and proxies and users that end with it. */
export function serviceForTests(options) {
  let service;
  let users = 0;
  before(async () => {
    service = await startService(options);
  });
  after(() => service.stop());

  const tests = {
    get origin() {
      return service.origin;
    },
    /** Ends with the test. */
    async proxy(t, faults = {}) {
      const proxy = await startProxy({ origins: service.origins, ...faults });
      t.after(() => proxy.stop());
      return proxy;
    },
    newUser() {
      users += 1;
      return {
        name: 'Ada',
        email: `ada-${users}@example.com`,
        location: 'London',
        password: 'analytical engine',
      };
    },
    /** A client of a new user, who is logged in, and the ends that it tells of. */
    async loggedIn(options = {}) {
      const user = tests.newUser();
      const client = createGatehouse({ baseUrl: service.origin, ...options });
      const ends = [];
      client.onSessionEnd((end) => ends.push(end.reason));
      await client.register(user);
      await client.login(user);
      return { client, user, ends };
    },
    /** What the service has logged of requests to a route. */
    logged: (route) =>
      service
        .log()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line))
        .filter((entry) => entry.msg === 'request' && entry.route === route),
  };
  return tests;
}

export const refreshPath = '/api/v1/auth/refresh-token';
export const mePath = '/api/v1/me';
