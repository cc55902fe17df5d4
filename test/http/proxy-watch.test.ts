import t from 'tap';
import { startApp, type TestApp } from '../support/app.ts';

const proxy = '10.0.0.1';

/** Sends `count` requests, of which a share comes through the proxy, each for a client of its own. */
async function send({ app }: TestApp, count: number, share: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const isProxied = index % 100 < share * 100;
    await app.inject({
      url: '/openapi.json',
      remoteAddress: isProxied ? proxy : `192.0.2.${index % 250}`,
      ...(isProxied && { headers: { 'x-forwarded-for': `198.51.100.${index % 250}` } }),
    });
  }
}

function warnings({ logLines }: TestApp): unknown[] {
  return logLines
    .filter(({ msg }) => String(msg).includes('TRUST_PROXY'))
    .map(({ level, addresses }) => ({ level, addresses }));
}

t.test('a proxy that TRUST_PROXY does not cover is told of, once', async (t) => {
  const gatehouse = await startApp(t);
  await send(gatehouse, 1000, 0.8);
  t.strictSame(warnings(gatehouse), [{ level: 40, addresses: [proxy] }]);
  t.equal(gatehouse.app.proxyWatch.isUncovered, true);
  await send(gatehouse, 400, 0);
  t.equal(gatehouse.app.proxyWatch.isUncovered, false, 'it has gone');
  await send(gatehouse, 800, 0.8);
  t.equal(gatehouse.app.proxyWatch.isUncovered, true);
  t.equal(warnings(gatehouse).length, 1, 'said once');
});

t.test('two proxies beside each other', async (t) => {
  const { app, ...gatehouse } = await startApp(t);
  const proxies = ['10.0.0.1', '10.0.0.2'];
  for (let index = 0; index < 400; index++) {
    const headers = { 'x-forwarded-for': `198.51.100.${index % 250}` };
    await app.inject({ url: '/openapi.json', remoteAddress: String(proxies[index % 2]), headers });
  }
  t.strictSame(warnings({ app, ...gatehouse }), [{ level: 40, addresses: proxies }]);
});

t.test('probes, which come past the proxy, have no say', async (t) => {
  const { app, ...gatehouse } = await startApp(t);
  for (let index = 0; index < 800; index++) {
    const isProbe = index % 4 !== 0;
    const headers = isProbe ? {} : { 'x-forwarded-for': `198.51.100.${index % 250}` };
    const url = isProbe ? '/readyz' : '/openapi.json';
    await app.inject({ url, remoteAddress: proxy, headers });
  }
  t.strictSame(warnings({ app, ...gatehouse }), [{ level: 40, addresses: [proxy] }]);
});

t.test('one of two proxies that stand one behind the other', async (t) => {
  const gatehouse = await startApp(t, { env: { TRUST_PROXY: '10.0.0.0/24' } });
  for (let index = 0; index < 400; index++) {
    const headers = { 'x-forwarded-for': `198.51.100.${index % 250}, 10.0.1.1` };
    await gatehouse.app.inject({ url: '/openapi.json', remoteAddress: proxy, headers });
  }
  t.strictSame(warnings(gatehouse), [{ level: 40, addresses: ['10.0.1.1'] }]);
});

t.test(
  'nothing is said of a proxy that is covered, of clients without one, and of a few who make it up',
  async (t) => {
    const covered = await startApp(t, { env: { TRUST_PROXY: '10.0.0.0/8' } });
    await send(covered, 1000, 1);
    const direct = await startApp(t, { hasher: covered.hasher });
    await send(direct, 600, 0);
    await send(direct, 600, 0.4);
    for (const each of [covered, direct]) {
      t.strictSame(warnings(each), []);
      t.equal(each.app.proxyWatch.isUncovered, false);
    }
  },
);
