import { ApiError, type ErrorCode } from '../errors.ts';

/** Of the span of a request, by the names that log lines have for them. */
export interface TraceIds {
  readonly trace_id: string;
  readonly span_id: string;
}

/** Which request an event comes from. */
export interface Origin {
  /** The id that the other log lines of the request carry. */
  readonly requestId: string;
  /** The client's address, as TRUST_PROXY has it; null when it has none. */
  readonly address: string | null;
  /** The OAuth client that has authenticated itself, if one has. */
  readonly clientId: string | null;
  /** Null when the request is not traced. */
  readonly traceIds: TraceIds | null;
}

/** A session and its user. */
export interface SessionIds {
  readonly userId: number;
  readonly sessionId: number;
}

/** Why a login was refused. The client is not told. */
export type LoginRefusal = 'unknown_email' | 'wrong_password' | 'unusable_hash' | 'password_changed';

/** How an attempt ends that was neither granted nor refused: see `unfinished`. */
export type Unfinished = 'busy' | 'abandoned' | 'failed';

export const loginOutcomes = ['succeeded', 'refused', 'busy', 'abandoned', 'failed'] as const;
export const registrationOutcomes = ['succeeded', 'taken', 'refused', 'busy', 'abandoned', 'failed'] as const;
export const refreshOutcomes = ['rotated', 'replayed', 'reused', 'refused', 'failed'] as const;
export const endReasons = ['logout', 'logout_others', 'logout_all', 'ended', 'revoked', 'reused'] as const;

export const limitedOperations = ['login', 'registration', 'refresh', 'client'] as const;
export const limitOutcomes = ['allowed', 'exempted', 'limited'] as const;
export const limitNames = [
  'login_account_and_address',
  'login_address',
  'login_account',
  'registration_address',
  'refresh_address',
  'client_address',
] as const;

export type RefreshOutcome = (typeof refreshOutcomes)[number];
export type EndReason = (typeof endReasons)[number];
export type LimitOutcome = (typeof limitOutcomes)[number];
export type LimitedOperation = (typeof limitedOperations)[number];
export type LimitName = (typeof limitNames)[number];

type LoginEvent = { readonly type: 'login'; readonly origin: Origin } & (
  | ({ readonly outcome: 'succeeded' } & SessionIds)
  | { readonly outcome: 'refused'; readonly reason: LoginRefusal; readonly userId: number | null }
  | { readonly outcome: Unfinished }
);

type RegistrationEvent = { readonly type: 'registration'; readonly origin: Origin } & (
  | { readonly outcome: 'succeeded'; readonly userId: number }
  | { readonly outcome: 'taken' | 'refused' | Unfinished }
);

/** An older refresh token came back than the one that is current, by their generations. */
interface TokenReuseEvent extends SessionIds {
  readonly type: 'token_reuse';
  readonly presented: number;
  readonly current: number;
  readonly origin: Origin;
}

/** A request has ended a session; committed. */
interface SessionEndEvent extends SessionIds {
  readonly type: 'session_end';
  readonly reason: EndReason;
  readonly origin: Origin;
}

/** Whether an attempt may be made at all, as far as limits go: `exempted` when one is used up that does not hold for it. */
type LimitEvent = { readonly type: 'limit'; readonly operation: LimitedOperation } & (
  | { readonly outcome: 'allowed' | 'exempted' }
  // By the limit that is used up
  | { readonly outcome: 'limited'; readonly limit: LimitName; readonly origin: Origin }
);

/** Somebody has presented no right secret of an OAuth client; `claimedId` when the id is that of one. */
interface ClientRefusalEvent {
  readonly type: 'client_refusal';
  readonly claimedId: string | null;
  readonly origin: Origin;
}

/** A request was answered, or refused before it was one: then there is no method, route or duration. */
interface RequestEvent {
  readonly type: 'request';
  readonly method: string | null;
  /** The template, never the path; null when no route matched. */
  readonly route: string | null;
  readonly status: number;
  readonly ms: number | null;
  readonly errorCode: ErrorCode | null;
}

/** The keys of one kind of token, by kid. */
export interface KeysInUse {
  readonly signs: string;
  readonly accepted: readonly string[];
}

/** What happens in the service, said once, by the room that knows it. No event holds a secret, an email or a token. */
export type ServiceEvent =
  | RequestEvent
  | LoginEvent
  | RegistrationEvent
  | TokenReuseEvent
  | SessionEndEvent
  | LimitEvent
  | ClientRefusalEvent
  | { readonly type: 'refresh'; readonly outcome: RefreshOutcome }
  | { readonly type: 'hash'; readonly waitedMs: number; readonly tookMs: number }
  | { readonly type: 'hash_rejection' }
  | { readonly type: 'keys'; readonly access: KeysInUse; readonly refresh: KeysInUse };

export type EventListener = (event: ServiceEvent) => void;

/** What a room tells its events to. */
export interface EventSink {
  emit(event: ServiceEvent): void;
}

/** Passes what the rooms tell on to whoever listens: the rooms know nothing of metrics and logs. */
export class Events implements EventSink {
  readonly #listeners: EventListener[] = [];

  listen(listener: EventListener): void {
    this.#listeners.push(listener);
  }

  emit(event: ServiceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

const unfinishedBy: Partial<Record<ErrorCode, Unfinished>> = {
  PASSWORD_HASHING_BUSY: 'busy',
  REQUEST_TIMEOUT: 'abandoned',
};

/** How an attempt ended that an error stopped: too many were waiting, its client went away, or all else. */
export function unfinished(error: unknown): Unfinished {
  return (error instanceof ApiError && unfinishedBy[error.code]) || 'failed';
}
