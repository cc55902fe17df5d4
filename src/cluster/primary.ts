import { availableParallelism } from 'node:os';
import { type Config, completeConfig, shutdownDelayMs } from '../config/config.ts';
import { handDown } from '../config/handover.ts';
import type { Settings } from '../config/schema.ts';
import { developmentDefaults, welcome } from '../development.ts';
import { withinOpenFiles } from '../http/open-files.ts';
import { closeBoundMs, live, type Service } from '../lifetime.ts';
import { serveMetrics } from '../observability/metrics-server.ts';
import { securityLog } from '../observability/security-log.ts';
import { SummedMetrics } from '../observability/summed-metrics.ts';
import { ListenError } from '../start-failure.ts';
import { prepareStorage } from '../storage/prepare-database.ts';
import { Crew, type CrewOptions } from './crew.ts';
import { shareOf } from './share.ts';

/**
 * Runs WEB_CONCURRENCY workers, and serves nothing itself but their metrics. Does once what has to be done once: it
 * starts the embedded Postgres, creates and migrates the database, and says what keeps the service from starting.
 */
export function runPrimary(settings: Settings, options: CrewBounds = {}): Promise<void> {
  return live(settings, (service) => start(settings, service, options), {
    // The workers, who are told at once, serve on for the delay
    closeAfterMs: 0,
    boundMs: shutdownDelayMs(settings) + closeBoundMs,
  });
}

type CrewBounds = Pick<CrewOptions, 'silenceMs'>;

async function start(settings: Settings, service: Service, { silenceMs }: CrewBounds): Promise<void> {
  const { logger, lifecycle, opened, stopping } = service;
  const { found, notes, stop } = await developmentDefaults(settings);
  opened.push(stop);
  for (const note of notes) logger.info(note);
  const size = settings.WEB_CONCURRENCY;
  const hashThreads = (place: number) => shareOf(availableParallelism(), { place, size });
  const config = withinOpenFiles(completeConfig(settings, found), hashThreads(0), logger);
  stopping.signal.throwIfAborted();

  const crew = new Crew({
    size,
    logger,
    env: (place) => handDown({ config, hashThreads: hashThreads(place) }),
    onFailure: (failure) => service.fail(failure),
    silenceMs,
  });
  sayKeysOnce(crew, service);
  if (config.METRICS_PORT !== 0) opened.push(await openMetrics(config, crew, service));
  stopping.signal.throwIfAborted();
  opened.push(() => crew.close());
  stopping.signal.addEventListener('abort', () => crew.drain());
  await crew.start();
  await prepareStorage(config, { log: logger, signal: stopping.signal });
  stopping.signal.throwIfAborted();
  crew.admit();
  lifecycle.phase = 'serving';
  if (config.NODE_ENV !== 'production') process.stdout.write(welcome(config));
}

/** Says which keys are in use, and again when a worker has found others in their files. */
function sayKeysOnce(crew: Crew, { logger }: Service): void {
  const log = securityLog(logger);
  let said = '';
  crew.on('keys', (keys) => {
    const text = JSON.stringify(keys);
    if (text !== said) log(keys);
    said = text;
  });
}

function openMetrics(config: Config, crew: Crew, { logger }: Service): Promise<() => Promise<void>> {
  const address = { host: config.METRICS_HOST, port: config.METRICS_PORT };
  return serveMetrics(new SummedMetrics(crew), address, logger).catch((error: unknown) => {
    throw new ListenError(config, 'METRICS_PORT', error);
  });
}
