import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { maxConnections as forScrapes } from '../observability/metrics-server.ts';

// Besides clients, the pool, threads and metrics: the database's other connections, the log, the listener, and what Node itself
// keeps open
const ownFiles = 43;
const filesOfThread = 4;

/**
 * Lowers CONNECTIONS_MAX, with a warning, to what the limit of open files allows. A process that has run out of files can
 * accept nobody, the orchestrator's probes included, and reach no database.
 */
export function withinOpenFiles(config: Config, threads: number, log: Pick<Logger, 'warn'>): Config {
  const limit = openFilesLimit();
  const forMetrics = config.METRICS_PORT === 0 ? 0 : 1 + forScrapes;
  const own = ownFiles + filesOfThread * threads + forMetrics;
  const forClients = limit - own - config.DATABASE_POOL_SIZE;
  // Each connection may have one of the docs pages' files open besides
  const affordable = Math.max(1, Math.floor(forClients / (config.DOCS ? 2 : 1)));
  if (config.CONNECTIONS_MAX <= affordable) return config;
  const facts = { open_files: limit, connections_max: affordable };
  log.warn(facts, `CONNECTIONS_MAX is ${affordable} and not ${config.CONNECTIONS_MAX}: raise ulimit -n`);
  return { ...config, CONNECTIONS_MAX: affordable };
}

/** How many this process may have open; Infinity where that is not limited, or not known, as on Windows. */
function openFilesLimit(): number {
  // Without the names of hosts, which would be looked up
  const report = Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  // Or "unlimited"
  const soft = Number(userLimits?.open_files?.soft);
  return Number.isNaN(soft) ? Number.POSITIVE_INFINITY : soft;
}
