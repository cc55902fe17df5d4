import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, type ErrorCode } from '../../errors.ts';
import type { EventSink, LimitedOperation } from '../../observability/events.ts';
import { originOf } from '../origin.ts';
import { type Allowance, headersOf, type Limit, limited, usedUp } from './limit.ts';

export interface GuardOptions {
  operation: LimitedOperation;
  /** What is counted: a refusal with one of these codes. */
  refusals: readonly ErrorCode[];
  /** What succeeds is counted too. */
  countsSuccess?: boolean;
  /** Those that are on. */
  limits: {
    /** Holds for everybody, and alone for those who are exempt from the others. */
    own?: Limit | undefined;
    /** Hold for those who are not exempt. */
    shared: readonly Limit[];
  };
  /** Who is not held to what others have used up. */
  exemption?: Exemption;
  /** Told of each success, also when no limit is on. */
  onSuccess?: Listener | undefined;
  /** Told of each refusal with one of the codes, also when no limit is on. */
  onFailure?: Listener | undefined;
  events: EventSink;
}

export interface Exemption {
  /** Whether somebody is exempt, whatever it takes to find out: asked when a limit is used up. */
  holds(request: FastifyRequest): Promise<boolean>;
  /** The same, as far as can be told without waiting for the database: their failures do not count for others. */
  isKnown?(request: FastifyRequest): Promise<boolean>;
}

type Listener = (request: FastifyRequest) => Promise<void>;

export interface Attempt {
  request: FastifyRequest;
  reply: FastifyReply;
  /** The account or token that it is for. */
  subject: string;
}

/** Holds one kind of attempts to its limits. */
export class Guard {
  readonly #options: GuardOptions;
  /** The own first. */
  readonly #all: readonly Limit[];
  readonly #isOff: boolean;

  constructor(options: GuardOptions) {
    this.#options = options;
    const { own, shared } = options.limits;
    this.#all = own ? [own, ...shared] : shared;
    this.#isOff = this.#all.length === 0;
  }

  /**
   * Does the work, unless a limit is used up; then counts it when it went as the limits count. Nothing of the work is done for
   * what is refused, so that no hash is computed for it, and it is the same whether or not there is such an account.
   *
   * @throws ApiError RATE_LIMITED with retryAfter (seconds); whatever the work throws
   */
  async attempt<T>({ request, reply, subject }: Attempt, work: () => Promise<T> | T): Promise<T> {
    const { refusals, countsSuccess, onSuccess, onFailure } = this.#options;
    request.limitSubject = subject;
    // No promise for what is known at once
    const decision = this.#isOff ? undefined : this.#admit(request, reply);
    if (decision !== undefined) await decision;
    let result: T;
    try {
      result = await work();
    } catch (error) {
      if (error instanceof ApiError && refusals.includes(error.code)) {
        await Promise.all([this.#count(request, reply), onFailure?.(request)]);
      }
      throw error;
    }
    if (countsSuccess || onSuccess !== undefined)
      await Promise.all([countsSuccess && this.#count(request, reply), onSuccess?.(request)]);
    return result;
  }

  #admit(request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined {
    const { own, shared } = this.#options.limits;
    const left = this.#all.map((limit) => limit.read(request));
    if (left.every(isRoom)) return this.#allow('allowed');
    return Promise.all(left).then((allowances) =>
      this.#decide(request, reply, {
        ownLeft: own ? allowances.slice(0, 1) : [],
        sharedLeft: allowances.slice(allowances.length - shared.length),
      }),
    );
  }

  #allow(outcome: 'allowed' | 'exempted'): undefined {
    this.#options.events.emit({ type: 'limit', operation: this.#options.operation, outcome });
  }

  async #decide(
    request: FastifyRequest,
    reply: FastifyReply,
    { ownLeft, sharedLeft }: { ownLeft: Allowance[]; sharedLeft: Allowance[] },
  ): Promise<void> {
    const { operation, exemption, events } = this.#options;
    let exhausted = usedUp(ownLeft);
    if (exhausted === undefined) {
      exhausted = usedUp(sharedLeft);
      if (exhausted === undefined) return this.#allow('allowed');
      if ((await exemption?.holds(request)) === true) return this.#allow('exempted');
    }
    const { limit } = exhausted;
    events.emit({ type: 'limit', operation, outcome: 'limited', limit, origin: originOf(request) });
    reply.headers(headersOf(exhausted));
    throw limited(exhausted);
  }

  /** Tells what is left of the own limit, else of that which is the nearest to its end. */
  async #count(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { limits, exemption } = this.#options;
    const { own, shared } = limits;
    const countsForOthers = shared.length > 0 && (await exemption?.isKnown?.(request)) !== true;
    const counting = [...(own ? [own] : []), ...(countsForOthers ? shared : [])];
    const allowances = await Promise.all(counting.map((limit) => limit.count(request)));
    const [nearest] = own ? allowances : allowances.sort((a, b) => a.remaining - b.remaining);
    if (nearest) reply.headers(headersOf(nearest));
  }
}

function isRoom(left: Allowance | Promise<Allowance>): boolean {
  return !(left instanceof Promise) && left.remaining > 0;
}
