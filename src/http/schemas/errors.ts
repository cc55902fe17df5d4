import { type Static, Type } from '@sinclair/typebox';
import { type ErrorCode, errorCodes, type OAuthError, oauthErrors } from '../../errors.ts';
import { responseOf } from './response.ts';

/** The named components of errors. */

const ErrorCodeSchema = Type.Unsafe<ErrorCode>(
  Type.String({
    $id: 'ErrorCode',
    enum: errorCodes,
    description:
      'What went wrong; a client can act on it alone. New ones may be added: one that a client does not know means what its status says',
  }),
);

const FieldErrorSchema = Type.Object(
  {
    field: Type.String({ description: 'The name the client sent, or "body" for the body as a whole' }),
    message: Type.String(),
  },
  { $id: 'FieldError', additionalProperties: false },
);

const ErrorResponse = Type.Object(
  {
    detail: Type.String({ description: 'For people' }),
    error_code: Type.Unsafe<ErrorCode>(Type.Ref('ErrorCode')),
    error: Type.Optional(
      Type.Unsafe<OAuthError>(
        Type.String({ enum: [...oauthErrors], description: 'In the words of OAuth; only below /oauth' }),
      ),
    ),
    errors: Type.Optional(
      Type.Array(Type.Unsafe<Static<typeof FieldErrorSchema>>(Type.Ref('FieldError')), {
        description: 'One entry for each fault; only with VALIDATION_ERROR',
      }),
    ),
  },
  { $id: 'ErrorResponse', additionalProperties: false },
);

export const errorComponents = [ErrorCodeSchema, FieldErrorSchema, ErrorResponse];

export const errorResponse = responseOf<Static<typeof ErrorResponse>>('ErrorResponse');
