import { createRequire } from 'node:module';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type ErrorCode, errorCodes } from '../errors.ts';
import {
  type EndReason,
  type EventListener,
  endReasons,
  type LimitedOperation,
  type LimitName,
  type LimitOutcome,
  limitedOperations,
  limitNames,
  limitOutcomes,
  loginOutcomes,
  type RefreshOutcome,
  refreshOutcomes,
  registrationOutcomes,
  type ServiceEvent,
} from './events.ts';
import { RequestDurations } from './request-durations.ts';
import { Tally } from './tally.ts';
import { type Vitals, vitalsMetrics } from './vitals.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

// OpenTelemetry's semantic conventions: whatever else a client writes for a method is this
const otherMethod = '_OTHER';
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const unmatched = 'unmatched';

// Gauges that are named like counters, and what nodejs_active_resources says better
const superfluous = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** The metrics of one process. Every label has few values, and none of them comes from a client. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: RequestDurations;
  readonly #errors: Tally<{ error_code: ErrorCode }>;
  readonly #logins: Tally<{ outcome: (typeof loginOutcomes)[number] }>;
  readonly #registrations: Tally<{ outcome: (typeof registrationOutcomes)[number] }>;
  readonly #refreshes: Tally<{ outcome: RefreshOutcome }>;
  readonly #ended: Tally<{ reason: EndReason }>;
  readonly #limitDecisions: Tally<{ operation: LimitedOperation; outcome: LimitOutcome }>;
  readonly #limitHits: Tally<{ limit: LimitName }>;
  readonly #hashWaits: Histogram;
  readonly #hashDurations: Histogram;
  readonly #hashRejections: Counter;

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    for (const name of superfluous) this.#registry.removeSingleMetric(name);
    buildInfo(registers);
    eventLoopTime(registers);

    this.#requests = new RequestDurations(this.#registry);
    this.#hashWaits = new Histogram({
      name: 'gatehouse_password_hash_wait_seconds',
      help: 'How long passwords waited for their thread',
      buckets: [0.001, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10],
      registers,
    });
    this.#hashDurations = new Histogram({
      name: 'gatehouse_password_hash_duration_seconds',
      help: 'How long passwords were hashed',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
    this.#hashRejections = new Counter({
      name: 'gatehouse_password_hash_rejections_total',
      help: 'Passwords refused because the wait would have been too long',
      registers,
    });
    this.#errors = new Tally(registers, {
      name: 'gatehouse_http_errors_total',
      help: 'Answers that are errors',
      labels: { error_code: errorCodes },
    });
    this.#logins = new Tally(registers, {
      name: 'gatehouse_logins_total',
      help: 'Logins',
      labels: { outcome: loginOutcomes },
    });
    this.#registrations = new Tally(registers, {
      name: 'gatehouse_registrations_total',
      help: 'Registrations',
      labels: { outcome: registrationOutcomes },
    });
    this.#refreshes = new Tally(registers, {
      name: 'gatehouse_refreshes_total',
      help: 'Refreshes',
      labels: { outcome: refreshOutcomes },
    });
    this.#ended = new Tally(registers, {
      name: 'gatehouse_sessions_ended_total',
      help: 'Sessions that a request has ended',
      labels: { reason: endReasons },
    });
    this.#limitHits = new Tally(registers, {
      name: 'gatehouse_rate_limit_hits_total',
      help: 'Attempts that a limit has refused',
      labels: { limit: limitNames },
    });
    this.#limitDecisions = new Tally(registers, {
      name: 'gatehouse_rate_limit_decisions_total',
      help: 'Attempts, by what limits had to say of them',
      labels: { operation: limitedOperations, outcome: limitOutcomes },
    });
  }

  /** Counts what happens. */
  readonly listener: EventListener = (event) => this.#count(event);

  /** Reads these at each scrape, from now on. */
  watch(vitals: Partial<Vitals>): void {
    vitalsMetrics([this.#registry], vitals);
  }

  /** What a scrape is answered. */
  async exposition(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /** The same for whoever adds up several processes. */
  snapshot(): ReturnType<Registry['getMetricsAsJSON']> {
    return this.#registry.getMetricsAsJSON();
  }

  #count(event: ServiceEvent): void {
    switch (event.type) {
      case 'request':
        if (event.ms !== null) this.#observeRequest(event, event.ms / 1000);
        if (event.errorCode !== null) this.#errors.count({ error_code: event.errorCode });
        break;
      case 'login':
        this.#logins.count(event);
        break;
      case 'registration':
        this.#registrations.count(event);
        break;
      case 'refresh':
        this.#refreshes.count(event);
        break;
      case 'session_end':
        this.#ended.count(event);
        break;
      case 'limit':
        this.#limitDecisions.count(event);
        if (event.outcome === 'limited') this.#limitHits.count(event);
        break;
      case 'hash':
        this.#hashWaits.observe(event.waitedMs / 1000);
        this.#hashDurations.observe(event.tookMs / 1000);
        break;
      case 'hash_rejection':
        this.#hashRejections.inc();
        break;
    }
  }

  #observeRequest({ method, route, status }: ServiceEvent & { type: 'request' }, seconds: number): void {
    const known = method !== null && methods.has(method) ? method : otherMethod;
    this.#requests.observe({ method: known, route: route ?? unmatched, status }, seconds);
  }
}

function buildInfo(registers: Registry[]): void {
  const info = new Gauge({
    name: 'gatehouse_build_info',
    help: 'Always 1',
    labelNames: ['version', 'node_version'],
    registers,
    aggregator: 'first',
  });
  info.set({ version, node_version: process.versions.node }, 1);
}

function eventLoopTime(registers: Registry[]): void {
  const time = new Counter({
    name: 'nodejs_eventloop_time_seconds_total',
    help: 'How long the event loop has been active and idle',
    labelNames: ['state'],
    registers,
    collect: () => {
      const { active, idle } = performance.eventLoopUtilization();
      time.reset();
      time.inc({ state: 'active' }, active / 1000);
      time.inc({ state: 'idle' }, idle / 1000);
    },
  });
}
