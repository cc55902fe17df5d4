import type { Logger } from 'pino';
import type { EventListener, Origin, ServiceEvent, SessionIds } from './events.ts';

type Line = { name: SecurityEventName; fields: object };

/**
 * The security events of the log, by the names of the OWASP Logging Vocabulary
 * (cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html); it has none for clients and keys. The levels are lower than
 * there: an error is a fault of the service. Names and fields are described in docs/observability.md, and stay as they are.
 */
export const securityEvents = {
  authn_login_success: { level: 'info', message: 'a login opened a session' },
  authn_login_fail: { level: 'warn', message: 'a login was refused' },
  authn_client_fail: { level: 'warn', message: 'a secret of an OAuth client was refused' },
  authn_token_reuse: { level: 'warn', message: 'a refresh token came back that had been exchanged before' },
  session_expired: { level: 'info', message: 'a session was ended' },
  excess_rate_limit_exceeded: { level: 'warn', message: 'an attempt was refused: too many before it' },
  user_created: { level: 'info', message: 'a user registered' },
  crypt_keys_loaded: { level: 'info', message: 'keys of tokens, by kid' },
} as const;

export type SecurityEventName = keyof typeof securityEvents;

/** Writes what matters for security, one line an event. */
export function securityLog(logger: Pick<Logger, 'info' | 'warn'>): EventListener {
  return (event) => {
    const line = lineOf(event);
    if (line === undefined) return;
    const { level, message } = securityEvents[line.name];
    logger[level]({ event: line.name, ...line.fields }, message);
  };
}

function lineOf(event: ServiceEvent): Line | undefined {
  switch (event.type) {
    case 'login':
      if (event.outcome === 'succeeded')
        return { name: 'authn_login_success', fields: { ...from(event.origin), ...ids(event) } };
      if (event.outcome === 'refused') {
        const fields = { ...from(event.origin), user_id: event.userId ?? undefined, reason: event.reason };
        return { name: 'authn_login_fail', fields };
      }
      return undefined;
    case 'registration':
      if (event.outcome !== 'succeeded') return undefined;
      return { name: 'user_created', fields: { ...from(event.origin), user_id: event.userId } };
    case 'token_reuse': {
      const generations = { presented_generation: event.presented, current_generation: event.current };
      return { name: 'authn_token_reuse', fields: { ...from(event.origin), ...ids(event), ...generations } };
    }
    case 'session_end': {
      const fields = { ...from(event.origin), ...ids(event), reason: event.reason };
      return { name: 'session_expired', fields };
    }
    case 'client_refusal': {
      const fields = { ...from(event.origin), claimed_client_id: event.claimedId ?? undefined };
      return { name: 'authn_client_fail', fields };
    }
    case 'limit': {
      if (event.outcome !== 'limited') return undefined;
      const fields = { ...from(event.origin), operation: event.operation, limit: event.limit };
      return { name: 'excess_rate_limit_exceeded', fields };
    }
    case 'keys':
      return { name: 'crypt_keys_loaded', fields: { access: event.access, refresh: event.refresh } };
    default:
      return undefined;
  }
}

function from({ requestId, address, clientId, traceIds }: Origin) {
  return { reqId: requestId, ...traceIds, source_ip: address, client_id: clientId ?? undefined };
}

function ids({ userId, sessionId }: SessionIds) {
  return { user_id: userId, session_id: sessionId };
}
