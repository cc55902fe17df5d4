import { Gauge, type Registry } from 'prom-client';
import { counterOf, gaugeOf, stateOf } from './read-at-scrape.ts';

/** What is read at each scrape rather than told as it happens. Milliseconds, and seconds since the epoch. */
export interface Vitals {
  lifecycle: { readonly phase: Phase };
  hasher: { readonly threads: number; readonly queueSize: number; estimatedWaitMs(): number };
  connections: { readonly open: number; readonly evicted: number; readonly limit: number };
  pool: {
    readonly totalCount: number;
    readonly idleCount: number;
    readonly waitingCount: number;
    readonly options: { readonly max: number };
  };
  poolWait: { estimateMs(): number };
  sharedConnections: Readonly<Record<string, SharedUse>>;
  overload: { readonly share: number };
  rateLimits: { readonly store: LimitStore };
  proxyWatch: { readonly isUncovered: boolean };
  spans: { readonly lost: number };
  pruner: {
    readonly status: {
      readonly lastRunAt: number | null;
      readonly totalDeleted: number;
      readonly backlog: number | null;
      readonly failures: number;
    };
  };
}

const phases = ['starting', 'serving', 'draining'] as const;
type Phase = (typeof phases)[number];

const limitStores = ['memory', 'redis', 'fallback'] as const;
type LimitStore = (typeof limitStores)[number];

interface SharedUse {
  readonly open: number;
  readonly failing: number;
  readonly inFlight: number;
}

/** Adds the metrics of what is given. */
export function vitalsMetrics(registers: Registry[], vitals: Partial<Vitals>): void {
  const { lifecycle, hasher, connections, pool, poolWait, sharedConnections, overload } = vitals;
  const { rateLimits, proxyWatch, spans, pruner } = vitals;
  if (lifecycle) lifecycleMetrics(registers, lifecycle);
  if (hasher) hasherMetrics(registers, hasher);
  if (connections) connectionMetrics(registers, connections);
  if (pool) poolMetrics(registers, pool);
  if (poolWait) poolWaitMetric(registers, poolWait);
  if (sharedConnections) sharedMetrics(registers, sharedConnections);
  if (overload) overloadMetric(registers, overload);
  if (rateLimits) rateLimitMetric(registers, rateLimits);
  if (proxyWatch) proxyMetric(registers, proxyWatch);
  if (spans) spanMetric(registers, spans);
  if (pruner) prunerMetrics(registers, pruner);
}

function lifecycleMetrics(registers: Registry[], lifecycle: Vitals['lifecycle']): void {
  const help = '1 for the phase that the process is in, 0 for the others';
  stateOf(
    registers,
    { name: 'gatehouse_phase', help, label: 'phase', states: phases },
    () => lifecycle.phase,
  );
}

function hasherMetrics(registers: Registry[], hasher: Vitals['hasher']): void {
  gaugeOf(registers, 'gatehouse_password_hash_threads', 'Threads that hash passwords', () => hasher.threads);
  gaugeOf(
    registers,
    'gatehouse_password_hash_queue_depth',
    'Passwords that wait for a thread',
    () => hasher.queueSize,
  );
  gaugeOf(
    registers,
    'gatehouse_password_hash_estimated_wait_seconds',
    'How long a password handed in now would wait',
    () => hasher.estimatedWaitMs() / 1000,
    'max',
  );
}

function connectionMetrics(registers: Registry[], connections: Vitals['connections']): void {
  gaugeOf(
    registers,
    'gatehouse_http_connections',
    'Client connections that are open',
    () => connections.open,
  );
  gaugeOf(
    registers,
    'gatehouse_http_connections_limit',
    'How many client connections may be open',
    () => connections.limit,
  );
  counterOf(
    registers,
    'gatehouse_http_connections_evicted_total',
    'Connections that were closed, or refused, because the limit was reached',
    () => connections.evicted,
  );
}

function poolMetrics(registers: Registry[], pool: Vitals['pool']): void {
  const gauge = new Gauge({
    name: 'gatehouse_database_pool_connections',
    help: 'Connections of the pool',
    labelNames: ['state'],
    registers,
    collect: () => {
      gauge.set({ state: 'in_use' }, pool.totalCount - pool.idleCount);
      gauge.set({ state: 'idle' }, pool.idleCount);
    },
  });
  gaugeOf(
    registers,
    'gatehouse_database_pool_connections_limit',
    'How many connections the pool may have',
    () => pool.options.max,
  );
  gaugeOf(
    registers,
    'gatehouse_database_pool_waiting',
    'Statements that wait for a connection',
    () => pool.waitingCount,
  );
}

function poolWaitMetric(registers: Registry[], poolWait: Vitals['poolWait']): void {
  gaugeOf(
    registers,
    'gatehouse_database_pool_estimated_wait_seconds',
    'How long a statement handed in now would wait for a connection',
    () => poolWait.estimateMs() / 1000,
    'max',
  );
}

function sharedMetrics(registers: Registry[], shared: Vitals['sharedConnections']): void {
  const byUse = (name: string, help: string, read: (use: SharedUse) => number) => {
    const labelNames = ['use'];
    const collect = () => {
      for (const [use, connections] of Object.entries(shared)) gauge.set({ use }, read(connections));
    };
    const gauge = new Gauge({ name, help, labelNames, registers, collect });
  };
  byUse(
    'gatehouse_database_shared_connections',
    'Open connections that statements share',
    ({ open }) => open,
  );
  byUse(
    'gatehouse_database_shared_connections_failing',
    'Shared connections that could not be opened when that was last tried',
    ({ failing }) => failing,
  );
  byUse(
    'gatehouse_database_shared_in_flight',
    'Statements sent on shared connections that are not answered yet',
    ({ inFlight }) => inFlight,
  );
}

function overloadMetric(registers: Registry[], overload: Vitals['overload']): void {
  gaugeOf(
    registers,
    'gatehouse_overload_share',
    'What part of requests is refused because there are too many',
    () => overload.share,
    'max',
  );
}

function rateLimitMetric(registers: Registry[], rateLimits: Vitals['rateLimits']): void {
  const help = '1 for where attempts are counted, 0 for the others';
  const metric = { name: 'gatehouse_rate_limit_store', help, label: 'store', states: limitStores };
  stateOf(registers, metric, () => rateLimits.store);
}

function proxyMetric(registers: Registry[], proxyWatch: Vitals['proxyWatch']): void {
  gaugeOf(
    registers,
    'gatehouse_proxy_uncovered',
    '1 while a proxy seems to stand before the service that is not trusted',
    () => (proxyWatch.isUncovered ? 1 : 0),
    'max',
  );
}

function spanMetric(registers: Registry[], spans: Vitals['spans']): void {
  counterOf(
    registers,
    'gatehouse_spans_lost_total',
    'Spans that have not reached the collector',
    () => spans.lost,
  );
}

function prunerMetrics(registers: Registry[], pruner: Vitals['pruner']): void {
  counterOf(
    registers,
    'gatehouse_sessions_pruned_total',
    'Ended sessions that this process has deleted',
    () => pruner.status.totalDeleted,
  );
  gaugeOf(
    registers,
    'gatehouse_sessions_prune_backlog',
    'Expired sessions that the last pass left, 100,000 at most',
    () => pruner.status.backlog,
    'max',
  );
  gaugeOf(
    registers,
    'gatehouse_sessions_prune_last_run_timestamp_seconds',
    'End of the last pass',
    () => pruner.status.lastRunAt,
    'max',
  );
  gaugeOf(
    registers,
    'gatehouse_sessions_prune_failed_passes',
    'Passes that failed since one succeeded',
    () => pruner.status.failures,
    'max',
  );
}
