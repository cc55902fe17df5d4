import t from 'tap';
import { ProxyWatch } from '../../src/http/proxy-watch.ts';
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

/** A watch with a clock that stands still, and what it has said. */
function stoppedWatch() {
  const said: string[][] = [];
  let now = 0;
  const log = { warn: ({ addresses }: { addresses: string[] }) => void said.push(addresses) };
  const watch = new ProxyWatch(log, () => now);
  const see = (address: string, count: number, forwarded = '198.51.100.1') => {
    for (let index = 0; index < count; index++)
      watch.see({ ip: address, headers: { 'x-forwarded-for': forwarded } });
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { watch, said, see, pass };
}

t.test('a quiet service is told after a minute and twenty requests', async (t) => {
  const { watch, said, see, pass } = stoppedWatch();
  see(proxy, 19);
  pass(60_000);
  t.equal(watch.isUncovered, false, 'nineteen tell nothing');
  see(proxy, 1);
  t.equal(watch.isUncovered, true);
  t.strictSame(said, [[proxy]]);

  see('192.0.2.1', 30, '192.0.2.1');
  pass(59_999);
  see('192.0.2.1', 1, '192.0.2.1');
  t.equal(watch.isUncovered, true, 'the minute has begun anew');
  pass(1);
  see('192.0.2.1', 1, '192.0.2.1');
  t.equal(watch.isUncovered, false);
});

t.test(
  'a client that lies does not keep a proxy from being told of, and others are told of later',
  async (t) => {
    const { said, see, pass } = stoppedWatch();
    const liar = '192.0.2.66';
    see(liar, 200);
    see(proxy, 200);
    t.strictSame(said, [[liar]], 'within the same minute no more is said');
    pass(60_000);
    see(proxy, 200);
    t.strictSame(said, [[liar], [proxy]]);
    for (let minute = 0; minute < 10; minute++) {
      pass(60_000);
      see([liar, proxy][minute % 2] ?? '', 200);
    }
    t.equal(said.length, 2, 'of each once');
  },
);

t.test('whoever has ever new addresses has one line a minute', async (t) => {
  const { said, see, pass } = stoppedWatch();
  for (let window = 0; window < 120; window++) {
    see(`2001:db8::${window.toString(16)}`, 200);
    pass(1000);
  }
  t.equal(said.length, 2);
});
