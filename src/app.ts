import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { ClientRegistry, parseClient } from './clients/client-registry.ts';
import { type Config, tokenKeys } from './config/config.ts';
import { listOf } from './config/schema.ts';
import authenticate, { requireAccessToken } from './http/authenticate.ts';
import { requireClient } from './http/authenticate-client.ts';
import connections from './http/connections.ts';
import deadline from './http/deadline.ts';
import errorHandler from './http/error-handler.ts';
import forms from './http/forms.ts';
import health, { type Lifecycle, requireStarted } from './http/health.ts';
import iJson from './http/i-json.ts';
import lastAnswer, { acceptWaiting } from './http/last-answer.ts';
import rateLimits from './http/limits/rate-limits.ts';
import notFound from './http/not-found.ts';
import openapi from './http/openapi.ts';
import overload from './http/overload.ts';
import proxyWatch from './http/proxy-watch.ts';
import rawErrors from './http/raw-errors.ts';
import requestId from './http/request-id.ts';
import requestLog from './http/request-log.ts';
import schemas from './http/schemas/components.ts';
import securityHeaders from './http/security-headers.ts';
import { serverOptions } from './http/server-options.ts';
import { kidsOf } from './keys/key.ts';
import type { EventSink } from './observability/events.ts';
import type { Tracing } from './observability/tracing.ts';
import type { Vitals } from './observability/vitals.ts';
import type { PasswordHasher } from './passwords/hasher.ts';
import type { PasswordPolicy } from './passwords/policy.ts';
import loginRoutes from './routes/login.ts';
import logoutRoutes from './routes/logout.ts';
import logoutAllRoutes from './routes/logout-all.ts';
import meRoutes from './routes/me.ts';
import oauthRoutes from './routes/oauth.ts';
import refreshRoutes from './routes/refresh.ts';
import registerRoutes from './routes/register.ts';
import sessionRoutes from './routes/sessions.ts';
import userRoutes from './routes/users.ts';
import wellKnownRoutes from './routes/well-known.ts';
import { addressesOfSessions } from './sessions/addresses.ts';
import { SessionPruner } from './sessions/prune.ts';
import type { SessionLimits } from './sessions/token-pair.ts';
import postgres from './storage/postgres.ts';
import { DatabaseProbe } from './storage/probe.ts';
import jwt from './tokens/jwt.ts';
import { isRefreshToken } from './tokens/refresh-token.ts';

export interface AppDeps {
  logger: FastifyBaseLogger;
  hasher: PasswordHasher;
  passwordPolicy: PasswordPolicy;
  lifecycle: Lifecycle;
  /** Takes what happens. */
  events: EventSink;
  /** Only when spans are sent. */
  tracing?: Tracing | undefined;
  /** Is given what may be read of the app at any time. */
  watch?: (vitals: Omit<Vitals, 'lifecycle' | 'hasher' | 'spans'>) => void;
}

/** Builds the app: plugins in the order in which a request meets them. */
export async function buildApp(config: Config, deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    ...serverOptions(config),
    loggerInstance: deps.logger,
  }).withTypeProvider<TypeBoxTypeProvider>();

  if (deps.tracing) await app.register((await import('./http/tracing.ts')).default, deps.tracing);
  await app.register(overload, {
    ...config,
    ...deps,
    databaseWaitMs: () => app.poolWait.estimateMs(),
  });
  await app.register(connections, config);
  await app.register(errorHandler);
  await app.register(lastAnswer, deps);
  await app.register(requestId);
  await app.register(authenticate);
  await app.register(requestLog, deps);
  await app.register(securityHeaders, config);
  await app.register(rawErrors);
  await app.register(proxyWatch);
  await app.register(notFound);
  await app.register(iJson);
  await app.register(deadline, config);

  await app.register(schemas, config);
  // What a person is sent to read: without the pages that is the contract, which clients need in any case
  const documentation = config.DOCS ? '/docs' : '/openapi.json';
  await app.register(openapi, { documentation });
  if (config.DOCS) await app.register((await import('./http/docs.ts')).default);

  await app.register(postgres, { ...config, trace: deps.tracing?.statement });
  const keys = tokenKeys(config);
  deps.events.emit({ type: 'keys', access: kidsOf(keys.access), refresh: kidsOf(keys.refresh) });
  const { TOKEN_ISSUER: issuer, TOKEN_AUDIENCE: audience } = config;
  await app.register(jwt, { keys, issuer, audience });
  const probe = new DatabaseProbe(config.DATABASE_URL);
  app.addHook('onClose', () => probe.close());
  await app.register(health, { databaseState: () => probe.ask(), lifecycle: deps.lifecycle });

  const pruner = new SessionPruner({
    db: app.database,
    logger: deps.logger,
    intervalSeconds: config.SESSION_PRUNE_INTERVAL_SECONDS,
    isServing: () => deps.lifecycle.phase === 'serving',
  });
  // With the listener, so that an app which only answers inject() deletes nothing behind its back
  app.addHook('onListen', () => pruner.start());
  app.addHook('preClose', () => pruner.stop());
  app.addHook('preClose', () => acceptWaiting(app.server));
  await app.register(rateLimits, {
    config,
    events: deps.events,
    addressesOf: (email) => addressesOfSessions(app.database, email),
    isOurs: (token) => isRefreshToken(app.tokens.refresh, token),
  });

  deps.watch?.({
    connections: app.connections,
    pool: app.pg.pool,
    poolWait: app.poolWait,
    sharedConnections: app.sharedConnections,
    overload: app.overload,
    rateLimits: app.rateLimits,
    proxyWatch: app.proxyWatch,
    pruner,
  });

  await app.register(wellKnownRoutes, { keys: keys.access, issuer, documentation });

  const domain = {
    ...deps,
    db: app.database,
    tokens: app.tokens,
    rateLimits: app.rateLimits,
    issuer,
    audience,
    sessionLimits: sessionLimits(config),
  };

  await app.register(async (api) => {
    api.addHook('onRequest', requireStarted(deps.lifecycle));
    // No cache may store tokens or personal data (RFC 6749 §5.1)
    api.addHook('onRequest', (_request, reply, done) => {
      reply.header('cache-control', 'no-store');
      done();
    });

    await api.register(registerRoutes, domain);
    await api.register(loginRoutes, domain);
    await api.register(refreshRoutes, { ...domain, db: app.refreshes });
    await api.register(logoutRoutes, domain);

    await api.register(async (authenticated) => {
      authenticated.addHook('onRequest', requireAccessToken(domain.tokens.access));
      await authenticated.register(meRoutes, { db: app.reads });
      await authenticated.register(userRoutes, { db: app.reads });
      await authenticated.register(sessionRoutes, domain);
      await authenticated.register(logoutAllRoutes, domain);
    });

    const clients = { registry: clientRegistry(config), guard: app.rateLimits.clients, events: deps.events };
    await api.register(async (forClients) => {
      await forClients.register(forms);
      forClients.addHook('preValidation', requireClient(clients));
      await forClients.register(oauthRoutes, domain);
    });
  });

  return app;
}

function clientRegistry(config: Config): ClientRegistry {
  const clients = listOf(config.INTROSPECTION_CLIENTS).map(parseClient);
  return new ClientRegistry(clients.filter((client) => client !== undefined));
}

const secondsPerDay = 86_400;

function sessionLimits(config: Config): SessionLimits {
  return {
    accessTokenSeconds: config.ACCESS_TOKEN_TTL_SECONDS,
    lifetimeSeconds: config.TOKEN_EXPIRY_LIMIT * secondsPerDay,
    idleSeconds: config.SESSION_IDLE_DAYS * secondsPerDay,
    refreshGraceSeconds: config.REFRESH_GRACE_SECONDS,
    perUserMax: config.SESSIONS_PER_USER_MAX,
  };
}
