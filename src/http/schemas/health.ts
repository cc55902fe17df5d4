import { type Static, Type } from '@sinclair/typebox';
import type { ErrorCode } from '../../errors.ts';
import { withExample } from './examples.ts';
import { responseOf } from './response.ts';

/** The named components of the probes. */

const HealthStatus = withExample(
  Type.Object(
    { status: Type.String({ enum: ['ok'] }) },
    { $id: 'HealthStatus', additionalProperties: false },
  ),
  { status: 'ok' },
);

export const notReadyReasons = ['starting', 'database', 'schema_behind', 'draining'] as const;

export type NotReadyReason = (typeof notReadyReasons)[number];

const NotReady = Type.Object(
  {
    detail: Type.String({ description: 'For people' }),
    error_code: Type.Unsafe<ErrorCode>(Type.Ref('ErrorCode')),
    reason: Type.Unsafe<NotReadyReason>(Type.String({ enum: [...notReadyReasons] })),
  },
  { $id: 'NotReady', additionalProperties: false },
);

export const healthComponents = [HealthStatus, NotReady];

export const healthResponse = responseOf<Static<typeof HealthStatus>>('HealthStatus');
export const notReadyResponse = responseOf<Static<typeof NotReady>>('NotReady');
