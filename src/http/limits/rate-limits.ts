import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { LruMap } from 'toad-cache';
import type { Config } from '../../config/config.ts';
import type { EventSink, LimitName } from '../../observability/events.ts';
import { networkOf } from '../address.ts';
import { Counters, type CountersOptions, countingOn } from './counters.ts';
import { Familiar } from './familiar.ts';
import { Guard } from './guard.ts';
import { Limit } from './limit.ts';
import { LimitKeys } from './limit-keys.ts';
import { RedisLink } from './redis-link.ts';
import { RefusedTokens } from './refused-tokens.ts';
import { SessionNetworks } from './session-networks.ts';

declare module 'fastify' {
  interface FastifyInstance {
    rateLimits: RateLimits;
  }
  interface FastifyRequest {
    /** The account or token that an attempt is for, as far as limits go. */
    limitSubject: string;
  }
}

/** Of each kind of attempts, what holds them to their limits. */
export interface RateLimits {
  /** The subject is an email, normalised. */
  readonly logins: Guard;
  /** The subject is an email, normalised. */
  readonly registrations: Guard;
  /** The subject is a refresh token. */
  readonly refreshes: Guard;
  /** Only of those with a wrong secret; there is no subject. */
  readonly clients: Guard;
  /** Where attempts are counted now: `fallback` is in memory, as Redis cannot be used. */
  readonly store: 'memory' | 'redis' | 'fallback';
}

export interface RateLimitsOptions {
  config: Config;
  /** Is told each decision. */
  events: EventSink;
  /** Where the sessions of the account with this email were opened from. */
  addressesOf: (email: string) => Promise<string[]>;
  /** Whether this is a refresh token of ours that has not expired. */
  isOurs: (refreshToken: string) => boolean;
}

/** What is counted by account and address, by address, and by account; why, is in docs/decisions/013. */
export default fp<RateLimitsOptions>(
  async (app, options) => {
    const { config } = options;
    const link =
      config.REDIS_URL === undefined
        ? undefined
        : await RedisLink.open(config.REDIS_URL, { log: app.log, attempt: countingOn });
    app.addHook('onClose', async () => link?.close());
    app.decorateRequest('limitSubject', '');
    app.decorate('rateLimits', {
      ...guardsOf(options, (kind) => new Counters(link, kind)),
      get store() {
        if (link === undefined) return 'memory' as const;
        return link.isUsable ? ('redis' as const) : ('fallback' as const);
      },
    });
  },
  { name: 'rate-limits' },
);

const addressesKept = 1000;

/** By what limits count; each gives another key for the same request. */
function keysBy(keys: LimitKeys) {
  return {
    subject: (name: string) => (request: FastifyRequest) => keys.of(name, request.limitSubject),
    address(name: string) {
      // Most requests come from few addresses, and each refresh asks for the key of its own
      const known = new LruMap<string>(addressesKept);
      return (request: FastifyRequest) => {
        const { ip } = request;
        let key = known.get(ip);
        if (key === undefined) {
          key = keys.of(name, networkOf(ip));
          known.set(ip, key);
        }
        return key;
      };
    },
    both: (name: string) => (request: FastifyRequest) =>
      keys.of(name, request.limitSubject, networkOf(request.ip)),
  };
}

function guardsOf(
  { config, events, addressesOf, isOurs }: RateLimitsOptions,
  counters: (options?: CountersOptions) => Counters,
) {
  const keys = new LimitKeys(config.REFRESH_TOKEN_SECRET);
  const { subject, address, both } = keysBy(keys);
  const limit = (name: LimitName, max: number, by: typeof subject) =>
    config.RATE_LIMIT === 'off' || max === 0
      ? undefined
      : new Limit(counters(), {
          name,
          max,
          windowSeconds: config.RATE_LIMIT_WINDOW_SECONDS,
          keyOf: by(name),
        });
  const on = (limits: (Limit | undefined)[]) => limits.filter((each) => each !== undefined);

  const loginsOfOthers = on([
    limit('login_address', config.RATE_LIMIT_LOGINS_PER_ADDRESS, address),
    limit('login_account', config.RATE_LIMIT_LOGINS_PER_ACCOUNT, subject),
  ]);
  const sessions = new SessionNetworks(keys, addressesOf);
  const homes = new Familiar(counters({ renewed: true }), {
    keyOf: both('home'),
    otherwise: ({ limitSubject, ip }) => sessions.include(limitSubject, ip),
  });
  // Whoever has registered knows the password too
  const rememberHome =
    loginsOfOthers.length > 0 ? (request: FastifyRequest) => homes.remember(request) : undefined;
  const logins = new Guard({
    operation: 'login',
    refusals: ['INVALID_CREDENTIALS'],
    limits: {
      own: limit('login_account_and_address', config.RATE_LIMIT_LOGINS_PER_ACCOUNT_AND_ADDRESS, both),
      shared: loginsOfOthers,
    },
    exemption: homes,
    onSuccess: rememberHome,
    events,
  });
  const registrations = new Guard({
    operation: 'registration',
    refusals: ['EMAIL_ALREADY_EXISTS'],
    countsSuccess: true,
    limits: {
      shared: on([limit('registration_address', config.RATE_LIMIT_REGISTRATIONS_PER_ADDRESS, address)]),
    },
    onSuccess: rememberHome,
    events,
  });
  const refreshesOfAddress = on([limit('refresh_address', config.RATE_LIMIT_REFRESHES_PER_ADDRESS, address)]);
  const refused = new RefusedTokens(counters(), {
    keyOf: subject('refused'),
    windowSeconds: config.RATE_LIMIT_WINDOW_SECONDS,
    isOurs,
  });
  const refreshes = new Guard({
    operation: 'refresh',
    refusals: ['REFRESH_TOKEN_INVALID', 'REFRESH_TOKEN_EXPIRED', 'REFRESH_TOKEN_REUSED', 'SESSION_ENDED'],
    limits: { shared: refreshesOfAddress },
    exemption: refused,
    onFailure: refreshesOfAddress.length > 0 ? (request) => refused.remember(request) : undefined,
    events,
  });
  const clients = new Guard({
    operation: 'client',
    refusals: ['CLIENT_AUTHENTICATION_FAILED'],
    limits: { shared: on([limit('client_address', config.RATE_LIMIT_CLIENTS_PER_ADDRESS, address)]) },
    events,
  });
  return { logins, registrations, refreshes, clients };
}
