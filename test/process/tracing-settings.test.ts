import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDatabase } from '../support/database.ts';
import { emptyFolder, freePort, post, production, ready, run } from '../support/gatehouse-process.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { newPerson } from '../support/people.ts';
import { startTraced } from '../support/traced.ts';
import { fetchChecked } from '../support/watch.ts';

t.test('what OpenTelemetry cannot make sense of is said once, and spans are sent', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t, {
    OTEL_BSP_SCHEDULE_DELAY: 'soon',
    OTEL_BSP_MAX_QUEUE_SIZE: '-5',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '0',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'brotli',
    OTEL_EXPORTER_OTLP_CERTIFICATE: 'there-is-none.pem',
  });
  await fetchChecked(`${origin}/.well-known/jwks.json`);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const warnings = gatehouse
    .logLines()
    .filter(({ msg }) => msg === 'OpenTelemetry warns')
    .map(({ level, warning }) => [level, warning]);
  for (const part of [
    /'soon'.*SCHEDULE_DELAY/,
    /MAX_QUEUE_SIZE.*2048/,
    /BATCH_SIZE.*512/,
    /brotli/,
    /certificate/i,
  ])
    t.equal(
      warnings.filter(([level, text]) => level === 40 && part.test(String(text))).length,
      1,
      part.source,
    );
  t.equal(warnings.length, 5, JSON.stringify(warnings));
  t.equal((await collector.received('GET /.well-known/jwks.json')).length, 1);
});

t.test('without a collector nothing of its SDK is loaded', async (t) => {
  for (const [name, env, expected] of [
    ['not set', {}, false],
    [
      'turned off',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_SDK_DISABLED: 'true' },
      false,
    ],
    ['set', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, true],
  ] as const) {
    await t.test(name, async (t) => {
      const { url } = await createDatabase(t);
      const port = await freePort();
      const folder = emptyFolder(t);
      const list = join(folder, 'loaded.txt');
      const register = join(folder, 'register.cjs');
      // All modules that are not ESM themselves pass through here, whoever asks for them
      writeFileSync(
        register,
        `const { Module } = require('node:module');
         process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(list)}, Object.keys(Module._cache).join('\\n')));`,
      );
      const gatehouse = run(t, 'server.js', {
        env: production(url, port, env),
        nodeOptions: ['--require', register],
      });
      const origin = await ready(gatehouse, port);
      t.equal((await post(origin, '/api/v1/register-user', newPerson())).status, 201);
      gatehouse.child.kill('SIGTERM');
      t.strictSame(await gatehouse.ended, { code: 0, signal: null });
      // The API alone, which does nothing by itself, is loaded by prom-client
      const loaded = readFileSync(list, 'utf8')
        .split('\n')
        .filter((path) => /@opentelemetry|@fastify.otel/.test(path));
      const sdk = loaded.filter((path) => !/@opentelemetry.api.build/.test(path));
      t.match(readFileSync(list, 'utf8'), /node_modules.fastify.fastify\.js/, 'the list is one');
      t.equal(sdk.length > 0, expected, sdk.join('\n'));
    });
  }
});

t.test('.env may name the collector', async (t) => {
  const collector = await startOtlpReceiver(t);
  const { url } = await createDatabase(t);
  const port = await freePort();
  const cwd = emptyFolder(t);
  writeFileSync(
    join(cwd, '.env'),
    `OTEL_EXPORTER_OTLP_ENDPOINT=${collector.endpoint}\nOTEL_SERVICE_NAME=from-a-file\n`,
  );
  const gatehouse = run(t, 'server.js', { env: production(url, port), cwd });
  const origin = await ready(gatehouse, port);
  await fetchChecked(`${origin}/.well-known/jwks.json`);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const [span] = await collector.received('GET /.well-known/jwks.json');
  t.equal(span?.resource['service.name'], 'from-a-file', 'what had not been sent was sent at the exit');
});
