import { type Static, Type } from '@sinclair/typebox';
import { accessToken, adaId, withExample } from './examples.ts';
import { responseOf } from './response.ts';

/** The named components of the OAuth operations. Request parameters nobody knows are ignored (RFC 6749 §3.2). */

const clientCredentials = {
  client_id: Type.Optional(
    Type.String({ description: 'With client_secret, for clients that cannot send them by HTTP Basic' }),
  ),
  client_secret: Type.Optional(Type.String({ description: 'Never together with HTTP Basic' })),
};

const token = Type.String({
  description: 'An access token or a refresh token. One that is empty counts as missing',
});

const IntrospectionRequest = withExample(
  Type.Object(
    {
      token,
      token_type_hint: Type.Optional(
        Type.String({ description: '`refresh_token` to ask about refresh tokens as well; else ignored' }),
      ),
      ...clientCredentials,
    },
    { $id: 'IntrospectionRequest' },
  ),
  { token: accessToken },
);

const RevocationRequest = withExample(
  Type.Object(
    {
      token,
      token_type_hint: Type.Optional(
        Type.String({ description: 'Ignored: a token is recognised without it' }),
      ),
      ...clientCredentials,
    },
    { $id: 'RevocationRequest' },
  ),
  { token: accessToken, token_type_hint: 'access_token' },
);

const secondsSinceEpoch = (description: string) =>
  Type.Optional(Type.Integer({ format: 'int64', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description }));

const IntrospectionResponse = withExample(
  Type.Object(
    {
      active: Type.Boolean({ description: 'When false, the only member' }),
      token_type: Type.Optional(
        Type.Unsafe<'Bearer'>(Type.String({ enum: ['Bearer'], description: 'Of access tokens alone' })),
      ),
      sub: Type.Optional(Type.String({ description: 'The user_id' })),
      sid: Type.Optional(Type.String({ description: 'The session, the same for all its tokens' })),
      iss: Type.Optional(Type.String({ description: 'Who issued it' })),
      aud: Type.Optional(Type.String({ description: 'Whom it is meant for; of access tokens alone' })),
      jti: Type.Optional(Type.String({ description: 'Names this token; of access tokens alone' })),
      iat: secondsSinceEpoch('When it was issued, in seconds since 1970'),
      exp: secondsSinceEpoch('When it expires, in seconds since 1970'),
    },
    { $id: 'IntrospectionResponse', additionalProperties: false },
  ),
  {
    active: true,
    token_type: 'Bearer',
    sub: String(adaId),
    sid: '1815',
    iss: 'gatehouse',
    aud: 'gatehouse',
    jti: '7b1f3c52-6f0e-4b7e-9a55-2f1f5f0d8c11',
    iat: 1_769_851_800,
    exp: 1_769_852_700,
  },
);

export const oauthComponents = [IntrospectionRequest, RevocationRequest, IntrospectionResponse];

export const introspectionBody = Type.Unsafe<Static<typeof IntrospectionRequest>>(
  Type.Ref('IntrospectionRequest'),
);
export const revocationBody = Type.Unsafe<Static<typeof RevocationRequest>>(Type.Ref('RevocationRequest'));
export const introspectionResponse =
  responseOf<Static<typeof IntrospectionResponse>>('IntrospectionResponse');
