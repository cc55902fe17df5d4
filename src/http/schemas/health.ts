import { type Static, Type } from '@sinclair/typebox';
import type { ErrorCode } from '../../errors.ts';
import { responseOf } from './response.ts';

/** The named components of the probes. */

const HealthStatus = Type.Object(
  { status: Type.String({ enum: ['ok'] }) },
  { $id: 'HealthStatus', additionalProperties: false },
);

const NotReady = Type.Object(
  {
    detail: Type.String(),
    error_code: Type.Unsafe<ErrorCode>(Type.Ref('ErrorCode')),
    reason: Type.Unsafe<'starting' | 'database' | 'schema_behind' | 'draining'>(
      Type.String({ enum: ['starting', 'database', 'schema_behind', 'draining'] }),
    ),
  },
  { $id: 'NotReady', additionalProperties: false },
);

export const healthComponents = [HealthStatus, NotReady];

export const healthResponse = responseOf<Static<typeof HealthStatus>>('HealthStatus');
export const notReadyResponse = responseOf<Static<typeof NotReady>>('NotReady');
