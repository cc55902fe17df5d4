import type { Statement } from '../../src/storage/query.ts';

/** A living session and its user; `generation` is the current one. */
export interface Sample {
  userId: number;
  email: string;
  passwordHash: string;
  sessionId: number;
  handleHash: Buffer;
  generation: number;
  /** Where a batch of expired sessions begins. */
  expiredFrom: string;
  /** As far as what is left is counted. */
  backlogRows: number;
}

export function recordStatements(sample: Sample): Promise<Statement[]>;
