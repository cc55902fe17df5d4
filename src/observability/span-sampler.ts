import {
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
} from '@opentelemetry/sdk-trace-base';
import type { Settings } from '../config/schema.ts';

export type SamplerSettings = Pick<Settings, 'OTEL_TRACES_SAMPLER' | 'OTEL_TRACES_SAMPLER_ARG'>;

/** What decides for `traceidratio`; undefined for the others, of which OpenTelemetry has its own. */
export function samplerOf({
  OTEL_TRACES_SAMPLER,
  OTEL_TRACES_SAMPLER_ARG,
}: SamplerSettings): Sampler | undefined {
  if (OTEL_TRACES_SAMPLER !== 'traceidratio') return undefined;
  const chance = new ByChance(OTEL_TRACES_SAMPLER_ARG);
  // What a request does goes with its request
  return new ParentBasedSampler({
    root: chance,
    remoteParentSampled: chance,
    remoteParentNotSampled: chance,
  });
}

/** OpenTelemetry's goes by the trace id, which is the caller's: one that is made for it is always traced. */
class ByChance implements Sampler {
  readonly #part: number;

  /** @param part from 0 to 1 */
  constructor(part: number) {
    this.#part = part;
  }

  shouldSample(): SamplingResult {
    const isTraced = Math.random() < this.#part;
    return { decision: isTraced ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return `ByChance{${this.#part}}`;
  }
}
