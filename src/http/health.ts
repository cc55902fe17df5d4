import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import { ApiError } from '../errors.ts';
import { envelope } from './error-handler.ts';
import { headersOf, probeRefusals } from './refusals.ts';
import { healthResponse, type NotReadyReason, notReadyReasons, notReadyResponse } from './schemas/health.ts';

/** How far the process is in its life; whoever runs the app moves it on. */
export interface Lifecycle {
  phase: 'starting' | 'serving' | 'draining';
}

/** Asked all the time, by nobody who is a client. */
export const probePaths: ReadonlySet<string> = new Set(['/livez', '/readyz', '/startupz']);

export interface HealthOptions {
  /** Why the database cannot serve, or 'ready'; never rejects, and answers within a second. */
  databaseState: () => Promise<'ready' | 'database' | 'schema_behind'>;
  lifecycle: Lifecycle;
}

// How long an answer serves: a fault must show within two seconds, and its end within one
const freshMs = { ready: 500, unready: 200 };
const retryAfterSeconds = 1;
const ok = { status: 'ok' } as const;
const ready = healthResponse({ description: 'Yes' });
const unready = (meaning: string, reasons: readonly NotReadyReason[]) =>
  notReadyResponse({
    description: `\`NOT_READY\`: ${meaning}; ask again after \`retry-after\` seconds.`,
    headers: headersOf(503),
    examples: Object.fromEntries(reasons.map((reason) => [reason, notReady(reason)])),
  });
const refusals = probeRefusals();

/**
 * The three probes of Kubernetes. /livez answers from the event loop alone: a failing database is no reason to
 * restart this process. /readyz asks the database only so often, however often it is asked itself.
 */
export default async function health(instance: FastifyInstance, options: HealthOptions): Promise<void> {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>();
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store');
    done();
  });
  const databaseState = cached(options.databaseState, (state) =>
    state === 'ready' ? freshMs.ready : freshMs.unready,
  );
  const { lifecycle } = options;

  app.route({
    method: 'GET',
    url: '/livez',
    schema: {
      operationId: 'getLiveness',
      tags: ['health'],
      summary: 'Is the process alive?',
      description:
        'Anyone may call this. Answers without asking anything else. When it does not answer, restart the process.',
      response: { 200: ready, ...refusals },
    },
    handler: async () => ok,
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      operationId: 'getReadiness',
      tags: ['health'],
      summary: 'Should this instance get traffic?',
      description:
        'Anyone may call this. The answer is no while it starts or shuts down, or while the database cannot be reached or lacks a migration.',
      response: {
        200: ready,
        503: unready('This instance should get no traffic, for the `reason` that is given', notReadyReasons),
        ...refusals,
      },
    },
    handler: async (_request, reply) => {
      if (lifecycle.phase !== 'serving') return refuse(reply, lifecycle.phase);
      const state = await databaseState();
      return state === 'ready' ? ok : refuse(reply, state);
    },
  });

  app.route({
    method: 'GET',
    url: '/startupz',
    schema: {
      operationId: 'getStartup',
      tags: ['health'],
      summary: 'Has the process started?',
      description:
        'Anyone may call this. The answer is yes once the schema is up to date and requests are served.',
      response: {
        200: ready,
        503: unready('The process has not started yet', ['starting']),
        ...refusals,
      },
    },
    handler: async (_request, reply) => (lifecycle.phase === 'starting' ? refuse(reply, 'starting') : ok),
  });
}

function notReady(reason: NotReadyReason) {
  const { detail, error_code } = envelope(new ApiError('NOT_READY'));
  return { detail, error_code, reason };
}

function refuse(reply: FastifyReply, reason: NotReadyReason) {
  reply.errorCode = 'NOT_READY';
  return reply.code(503).header('retry-after', retryAfterSeconds).send(notReady(reason));
}

/** One answer serves everyone who asks while it is under way, and for some milliseconds after. */
function cached<T>(ask: () => Promise<T>, freshFor: (answer: T) => number): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask().then((given) => {
      setTimeout(() => {
        answer = undefined;
      }, freshFor(given)).unref();
      return given;
    });
    return answer;
  };
}

/** Refuses requests until the schema is up to date: the database may not even be there. */
export function requireStarted(lifecycle: Lifecycle): onRequestHookHandler {
  return (_request, _reply, done) => {
    if (lifecycle.phase === 'starting')
      throw new ApiError('DATABASE_UNAVAILABLE', { cause: 'the service is starting' });
    done();
  };
}
