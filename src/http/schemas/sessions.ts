import { type Static, Type } from '@sinclair/typebox';
import { maxPasswordLength } from './accounts.ts';
import { accessToken, ada, examplePassword, refreshToken, registeredAt, withExample } from './examples.ts';
import { nullableText } from './nullable-text.ts';
import { responseOf } from './response.ts';

/** The named components of sessions and their tokens. */

const seconds = (description: string) =>
  Type.Integer({ format: 'int32', minimum: 0, maximum: 2_147_483_647, description });

const TokenPair = withExample(
  Type.Object(
    {
      access_token: Type.String({ description: 'Sent as "Authorization: Bearer …" with each request' }),
      token_type: Type.Unsafe<'Bearer'>(Type.String({ enum: ['Bearer'] })),
      expires_in: seconds('Seconds until the access token expires'),
      refresh_token: Type.String({ description: 'Exchanged for the next pair, once' }),
      refresh_expires_in: seconds('Seconds until the refresh token expires'),
    },
    { $id: 'TokenPair', additionalProperties: false },
  ),
  {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: 900,
    refresh_token: refreshToken,
    refresh_expires_in: 1_209_600,
  },
);

const sessionId = Type.Integer({ format: 'int64', minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

const Session = Type.Object(
  {
    session_id: sessionId,
    created_at: Type.String({ format: 'date-time', description: 'The login' }),
    last_used_at: Type.String({ format: 'date-time', description: 'The last login or refresh' }),
    expires_at: Type.String({
      format: 'date-time',
      description: 'The end, however often it is refreshed; without a refresh it comes sooner',
    }),
    ip: nullableText({ description: 'Where the login came from; null when that is not known' }),
    user_agent: nullableText({ description: 'What the client called itself; null when it did not' }),
    current: Type.Boolean({ description: 'True for the session this request speaks for' }),
  },
  { $id: 'Session', additionalProperties: false },
);

const SessionList = withExample(
  Type.Object(
    {
      sessions: Type.Array(Type.Unsafe<Static<typeof Session>>(Type.Ref('Session')), {
        description: 'The most recently used first',
      }),
    },
    { $id: 'SessionList', additionalProperties: false },
  ),
  {
    sessions: [
      {
        session_id: 1815,
        created_at: registeredAt,
        last_used_at: '2026-02-03T18:05:00.000Z',
        expires_at: '2026-03-02T09:30:00.000Z',
        ip: '192.0.2.7',
        user_agent: 'Mozilla/5.0',
        current: true,
      },
      {
        session_id: 1812,
        created_at: registeredAt,
        last_used_at: registeredAt,
        expires_at: '2026-03-02T09:30:00.000Z',
        ip: null,
        user_agent: null,
        current: false,
      },
    ],
  },
);

/** Any text: older programs took emails that nobody may register today, and their users log in all the same. */
const knownEmail = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'Compared without regard to case',
});

const Credentials = withExample(
  Type.Object(
    { email: knownEmail, password: Type.String({ minLength: 1, maxLength: maxPasswordLength }) },
    { $id: 'Credentials', additionalProperties: false },
  ),
  { email: ada.email, password: examplePassword(0) },
);

// Far more than the verification takes: a token that is too long is an invalid one, and answered as such
const maxTokenLength = 70_000;
/** Of operations that take a refresh token; bytes. */
export const tokenBodyLimit = 80 * 1024;

const RefreshRequest = withExample(
  Type.Object(
    { refresh_token: Type.String({ minLength: 1, maxLength: maxTokenLength }) },
    { $id: 'RefreshRequest', additionalProperties: false },
  ),
  { refresh_token: refreshToken },
);

const LogoutRequest = withExample(
  Type.Object(
    {
      refresh_token: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: maxTokenLength,
          description: 'Any of the session, used or not',
        }),
      ),
    },
    { $id: 'LogoutRequest', additionalProperties: false },
  ),
  { refresh_token: refreshToken },
);

export const sessionComponents = [
  TokenPair,
  Session,
  SessionList,
  Credentials,
  RefreshRequest,
  LogoutRequest,
];

export const tokenPairResponse = responseOf<Static<typeof TokenPair>>('TokenPair');
export const sessionListResponse = responseOf<Static<typeof SessionList>>('SessionList');
export const credentialsBody = Type.Unsafe<Static<typeof Credentials>>(Type.Ref('Credentials'));
export const refreshBody = Type.Unsafe<Static<typeof RefreshRequest>>(Type.Ref('RefreshRequest'));
export const logoutBody = Type.Unsafe<Static<typeof LogoutRequest>>(Type.Ref('LogoutRequest'));
export const sessionIdParams = Type.Object({ session_id: sessionId }, { additionalProperties: false });
