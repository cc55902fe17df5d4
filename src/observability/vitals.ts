import { Counter, Gauge, type Registry } from 'prom-client';

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

/** Adds the metrics of what is given. */
export function vitalsMetrics(registers: Registry[], vitals: Partial<Vitals>): void {
  const { lifecycle, hasher, connections, pool, pruner } = vitals;
  if (lifecycle) lifecycleMetrics(registers, lifecycle);
  if (hasher) hasherMetrics(registers, hasher);
  if (connections) connectionMetrics(registers, connections);
  if (pool) poolMetrics(registers, pool);
  if (pruner) prunerMetrics(registers, pruner);
}

function lifecycleMetrics(registers: Registry[], lifecycle: Vitals['lifecycle']): void {
  const gauge = new Gauge({
    name: 'gatehouse_phase',
    help: '1 for the phase that the process is in, 0 for the others',
    labelNames: ['phase'],
    registers,
    collect: () => {
      for (const phase of phases) gauge.set({ phase }, phase === lifecycle.phase ? 1 : 0);
    },
  });
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

/** Without a sample while there is nothing to tell. The aggregator makes one of the values of several workers. */
function gaugeOf(
  registers: Registry[],
  name: string,
  help: string,
  read: () => number | null,
  aggregator: 'sum' | 'max' = 'sum',
): void {
  const gauge = new Gauge({
    name,
    help,
    registers,
    aggregator,
    collect: () => {
      const value = read();
      if (value === null) gauge.remove();
      else gauge.set(value);
    },
  });
}

function counterOf(registers: Registry[], name: string, help: string, read: () => number): void {
  const counter = new Counter({
    name,
    help,
    registers,
    collect: () => {
      counter.reset();
      counter.inc(read());
    },
  });
}
