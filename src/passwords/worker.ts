import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { workerData } from 'node:worker_threads';
import {
  type BcryptEngine,
  type EngineChoice,
  EngineMissingError,
  type EngineName,
  loadEngine,
} from './engine.ts';
import {
  bcryptInput,
  bcryptSetting,
  digestMatches,
  digestOf,
  encodeSalt,
  formatStoredHash,
  formFor,
  type StoredHash,
} from './hash-format.ts';
import type { MeasuredWork } from './hash-queue.ts';

export interface WorkerSetup {
  engine: EngineChoice;
  /** The configured cost: the unit that work is counted in. */
  cost: number;
}

export interface HashTask {
  kind: 'hash';
  password: string;
  cost: number;
}

export interface VerifyTask {
  kind: 'verify';
  /** Tried in this order. */
  candidates: readonly string[];
  target: StoredHash;
  /** What a refusal takes, whatever the cost of the target. */
  refusalCost: number;
}

export interface HashResult extends MeasuredWork {
  stored: string;
}

export interface VerifyResult extends MeasuredWork {
  /** The candidate that matched, null when none did. */
  matched: string | null;
}

/** Which engine there is, and how quick it is. */
export interface CalibrationTask {
  kind: 'calibration';
}

export interface Calibration {
  engine: EngineName;
  /** Milliseconds of one hash at the configured cost. */
  msPerHash: number;
}

/** Why the engine that was asked for does not load. An error would lose its code on the way between threads. */
export interface EngineMissing {
  missing: { message: string; code: string | undefined };
}

export type WorkerTask = HashTask | VerifyTask;
export type WorkerResult = HashResult | VerifyResult;
type CalibrationResult = Calibration | EngineMissing;

/** piscina waits for this before it counts the thread as ready. */
export default start(workerData as WorkerSetup);

async function start({
  engine: choice,
  cost,
}: WorkerSetup): Promise<(task: WorkerTask | CalibrationTask) => WorkerResult | CalibrationResult> {
  const engine = await loadEngine(choice).catch(explainMissing);
  if ('missing' in engine) return () => engine;
  return (task) => {
    if (task.kind === 'calibration') return calibrate(engine, cost);
    const began = performance.now();
    const result = task.kind === 'hash' ? hash(engine, cost, task) : verify(engine, cost, task);
    return { ...result, durationMs: performance.now() - began };
  };
}

function explainMissing(error: unknown): EngineMissing {
  if (!(error instanceof EngineMissingError)) throw error;
  const { message, code } = error.cause as NodeJS.ErrnoException;
  return { missing: { message, code } };
}

/** Some tens of milliseconds, rather than the hundreds of a hash at the cost that is configured: each costs twice the one before. */
const calibrationCost = 8;
const calibrationRounds = 3;

/** Cheap, so that the JIT has compiled bcryptjs before anything is measured. */
const warmUpCost = 7;

/** The quickest counts: a process that starts has much else to do, which can only slow a hash down. */
function calibrate(engine: BcryptEngine, usualCost: number): Calibration {
  const cost = Math.min(usualCost, calibrationCost);
  const salt = encodeSalt(randomBytes(16));
  const measure = (atCost: number) => {
    const began = performance.now();
    engine.bcrypt('', bcryptSetting({ cost: atCost, salt }));
    return performance.now() - began;
  };
  measure(Math.min(cost, warmUpCost));
  const quickest = Math.min(...Array.from({ length: calibrationRounds }, () => measure(cost)));
  return { engine: engine.name, msPerHash: quickest * 2 ** (usualCost - cost) };
}

type Unmeasured<T> = Omit<T, 'durationMs'>;

function hash(engine: BcryptEngine, usualCost: number, task: HashTask): Unmeasured<HashResult> {
  const { password, cost } = task;
  const salt = encodeSalt(randomBytes(16));
  const form = formFor(password);
  const kind =
    form === 'bcrypt'
      ? ({ form, ident: '2b', cost, salt } as const)
      : ({ form, version: 2, ident: '2b', cost, salt } as const);
  const digest = digestOf(engine.bcrypt(bcryptInput(kind, password) ?? '', bcryptSetting(kind)));
  return { stored: formatStoredHash({ ...kind, digest }), hashes: 2 ** (cost - usualCost) };
}

function verify(engine: BcryptEngine, cost: number, task: VerifyTask): Unmeasured<VerifyResult> {
  const { candidates, target } = task;
  const eachHash = 2 ** (target.cost - cost);
  let hashes = 0;
  for (const candidate of candidates) {
    const input = bcryptInput(target, candidate);
    const output = engine.bcrypt(input ?? '', bcryptSetting(target));
    hashes += eachHash;
    if (digestMatches(target, output) && input !== null) return { matched: candidate, hashes };
  }
  for (const _ of candidates) {
    hashes += spendMissingCost(engine, target, task.refusalCost) * 2 ** (task.refusalCost - cost);
  }
  return { matched: null, hashes };
}

/**
 * A hash stored at a lower cost is refused sooner than one of a higher, which would tell accounts apart, and those
 * that exist from those that do not. So the difference is spent: 2^low + … + 2^(cost - 1) rounds are what 2^low lacks
 * to 2^cost. Returns the rounds spent, in hashes of that cost.
 */
function spendMissingCost(engine: BcryptEngine, target: StoredHash, cost: number): number {
  let hashes = 0;
  for (let step = target.cost; step < cost; step += 1) {
    engine.bcrypt('', bcryptSetting({ cost: step, salt: target.salt }));
    hashes += 2 ** (step - cost);
  }
  return hashes;
}
