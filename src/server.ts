import { completeConfig, readSettings, shutdownDelayMs } from './config/config.ts';
import type { Settings } from './config/schema.ts';
import { developmentDefaults, welcome } from './development.ts';
import { closeBoundMs, live, type Service } from './lifetime.ts';
import { flushLog } from './observability/logger.ts';
import { serve } from './serve.ts';
import { explainStartFailure } from './start-failure.ts';

async function main(): Promise<void> {
  const settings = readSettings();
  if (settings.WEB_CONCURRENCY > 1) {
    const { runPrimary } = await import('./cluster/primary.ts');
    return runPrimary(settings);
  }
  const closeAfterMs = shutdownDelayMs(settings);
  const ending = { closeAfterMs, boundMs: closeAfterMs + closeBoundMs };
  return live(settings, (service) => start(settings, service), ending);
}

async function start(settings: Settings, service: Service): Promise<void> {
  const { logger, opened } = service;
  const { found, notes, stop } = await developmentDefaults(settings);
  opened.push(stop);
  for (const note of notes) logger.info(note);
  const config = completeConfig(settings, found);
  await serve(config, service);
  if (config.NODE_ENV === 'production') return;
  // What led up to it is to be read before it
  await flushLog(logger);
  process.stdout.write(welcome(config));
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartFailure(error)}\n`);
  process.exit(1);
});
