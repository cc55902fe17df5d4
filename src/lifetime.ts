import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import type { Settings } from './config/schema.ts';
import type { Lifecycle } from './http/health.ts';
import { createLogger, flushLog } from './observability/logger.ts';
import { explainStartFailure } from './start-failure.ts';

/** How long closing may take after the shutdown delay; milliseconds. */
export const closeBoundMs = 10_000;
// Ctrl-C arrives twice, from the terminal and from npm; within this time both count as one signal
const sameSignalMs = 500;

/** What one process is made of. */
export interface Service {
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  /** Close functions, in opening order. */
  readonly opened: (() => Promise<void>)[];
  /** Tells a start that is under way to go no further, and all else that the process ends. */
  readonly stopping: AbortController;
  /** Ends the process as a signal does. */
  end(): void;
  /** Ends the process with code 1, and says why, when it cannot go on. */
  fail(error: Error): void;
}

export interface Ending {
  /** Milliseconds from a signal on for which a process that serves goes on. */
  closeAfterMs: number;
  /** Milliseconds from a signal on in which it ends. */
  boundMs: number;
  /** Told why the process could not start; by default stderr is. */
  explain?: ((explanation: string) => Promise<void>) | undefined;
}

/** Starts a process, and ends it: with code 1 when the start fails, else as `stopOnSignals` says. */
export async function live(
  settings: Settings,
  start: (service: Service) => Promise<void>,
  ending: Ending,
): Promise<void> {
  const { LOG_LEVEL: level, NODE_ENV, WEB_CONCURRENCY } = settings;
  let end: (failure?: Error) => void = () => {};
  const service: Service = {
    logger: createLogger({ level, readable: NODE_ENV !== 'production', isShared: WEB_CONCURRENCY > 1 }),
    lifecycle: { phase: 'starting' },
    opened: [],
    stopping: new AbortController(),
    end: () => end(),
    fail: (error) => end(error),
  };
  const started = start(service);
  end = stopOnSignals(service, started, ending);
  try {
    await started;
  } catch (error) {
    if (service.stopping.signal.aborted) return;
    await (ending.explain ?? tellOnStderr)(explainStartFailure(error));
    await Promise.race([closeAll(service), sleep(closeBoundMs)]).catch(() => {});
    process.exit(1);
  }
}

async function tellOnStderr(explanation: string): Promise<void> {
  process.stderr.write(`${explanation}\n`);
}

/**
 * On SIGTERM and its like: readiness off → serve on for the delay → close → exit 0. On an uncaught error: log → close
 * → exit 1. Exits 1 as well when closing fails or takes too long, and at once on a second signal. Gives what ends
 * the process without a signal: as one does, or with code 1 for an error.
 */
function stopOnSignals(
  service: Service,
  started: Promise<void>,
  { closeAfterMs, boundMs, explain = tellOnStderr }: Ending,
): (failure?: Error) => void {
  const { logger, lifecycle, stopping } = service;
  let failure: Error | undefined;
  let firstAt: number | undefined;
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const grace = closeWithGrace({ delay: boundMs, logger, skip: [...signals] }, async ({ err }) => {
    if (err) logger.fatal({ err }, 'closing after an error that nothing caught');
    const serving = lifecycle.phase === 'serving';
    // What has not started goes on refusing requests
    if (serving) lifecycle.phase = 'draining';
    stopping.abort();
    if (serving && !err && !failure) await sleep(closeAfterMs);
    // A start that is under way ends by itself, and what it opens until then is closed too
    await started.catch(() => {});
    await closeAll(service);
    if (!err) logger.info('closed');
    await flushLog(logger);
    if (failure) process.exit(1);
  });
  const begin = (facts: object) => {
    firstAt = performance.now();
    logger.info({ ...facts, delay_ms: closeAfterMs }, 'readiness is off; closing after the delay');
    void grace.close();
  };
  for (const signal of signals) {
    process.on(signal, () => {
      if (firstAt === undefined) begin({ signal });
      else if (performance.now() - firstAt > sameSignalMs) {
        logger.error({ signal }, 'second signal: exiting at once');
        process.exit(1);
      }
    });
  }
  return (error) => {
    if (firstAt !== undefined) return;
    failure = error;
    if (error) void explain(explainStartFailure(error));
    begin({});
  };
}

/** Undoes all that was opened, newest first, each even if another fails. */
async function closeAll({ opened }: Service): Promise<void> {
  const failures: unknown[] = [];
  for (const close of opened.splice(0).reverse()) {
    await close().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
