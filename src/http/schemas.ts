import { type Static, Type } from '@sinclair/typebox';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { type ErrorCode, errorCodes, type OAuthError, oauthErrors } from '../errors.ts';
import { oauthComponents } from './oauth-schemas.ts';
import { responseOf } from './responses.ts';
import { wellKnownComponents } from './well-known-schemas.ts';

/** The named components of the OpenAPI document. Routes refer to them by name, so that generated types have names. */

const userId = Type.Integer({
  format: 'int64',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Never changes and is never given to anyone else',
});

const nullableText = (options: {
  maxLength?: number;
  pattern?: string;
  description: string;
  default?: null;
}) => Type.Unsafe<string | null>({ ...Type.String(options), nullable: true });

const User = Type.Object(
  {
    user_id: userId,
    name: Type.String({ description: 'Empty when none was given' }),
    email: Type.String({ description: 'In lower case' }),
    location: Type.String({ description: 'Empty when none was given' }),
    about: nullableText({ description: 'Null when none was given' }),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  },
  { $id: 'User', additionalProperties: false },
);

const seconds = (description: string) =>
  Type.Integer({ format: 'int32', minimum: 0, maximum: 2_147_483_647, description });

const TokenPair = Type.Object(
  {
    access_token: Type.String({ description: 'Sent as "Authorization: Bearer …" with each request' }),
    token_type: Type.Unsafe<'Bearer'>(Type.String({ enum: ['Bearer'] })),
    expires_in: seconds('Seconds until the access token expires'),
    refresh_token: Type.String({ description: 'Exchanged for the next pair, once' }),
    refresh_expires_in: seconds('Seconds until the refresh token expires'),
  },
  { $id: 'TokenPair', additionalProperties: false },
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

const SessionList = Type.Object(
  {
    sessions: Type.Array(Type.Unsafe<Static<typeof Session>>(Type.Ref('Session')), {
      description: 'The most recently used first',
    }),
  },
  { $id: 'SessionList', additionalProperties: false },
);

const ErrorCodeSchema = Type.Unsafe<ErrorCode>(
  Type.String({
    $id: 'ErrorCode',
    enum: errorCodes,
    description: 'What went wrong; a client can act on it alone',
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

/** Text that is required is not blank either. */
const nonBlank = '\\S';
const blankOnlyWhenEmpty = `^$|${nonBlank}`;
const maxTextLength = 200;
const maxAboutLength = 1000;
// Longer than any policy allows and than any older program took, so that the policy and the hash decide
const maxPasswordLength = 1024;

const email = Type.String({
  format: 'email',
  maxLength: 254,
  description: 'Compared without regard to case',
});
type PasswordLengths = Pick<Config, 'PASSWORD_MIN_LENGTH' | 'PASSWORD_MAX_LENGTH'>;

const newPassword = ({ PASSWORD_MIN_LENGTH: min, PASSWORD_MAX_LENGTH: max }: PasswordLengths) =>
  Type.String({
    minLength: min,
    // The policy counts normalised text, which may be shorter than what was sent
    maxLength: maxPasswordLength,
    description: `${min} to ${max} characters of any kind but control characters; no common password, not your email or name`,
  });
const about = Type.Optional(
  nullableText({
    maxLength: maxAboutLength,
    pattern: blankOnlyWhenEmpty,
    description: 'Free text',
    default: null,
  }),
);
const requiredText = (description: string) =>
  Type.String({ minLength: 1, maxLength: maxTextLength, pattern: nonBlank, description });
const optionalText = (description: string) =>
  Type.Optional(
    Type.String({ maxLength: maxTextLength, pattern: blankOnlyWhenEmpty, default: '', description }),
  );

const createUserRequest = (lengths: PasswordLengths) =>
  Type.Object(
    {
      email,
      password: newPassword(lengths),
      name: optionalText('Empty when absent'),
      location: optionalText('Empty when absent'),
      about,
    },
    { $id: 'CreateUserRequest', additionalProperties: false },
  );

const registerUserRequest = (lengths: PasswordLengths) =>
  Type.Object(
    {
      name: requiredText('What to call the user'),
      email,
      location: requiredText('Where the user is'),
      about,
      password: newPassword(lengths),
    },
    { $id: 'RegisterUserRequest', additionalProperties: false },
  );

/** Any text: older programs took emails that nobody may register today, and their users log in all the same. */
const knownEmail = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'Compared without regard to case',
});

const Credentials = Type.Object(
  { email: knownEmail, password: Type.String({ minLength: 1, maxLength: maxPasswordLength }) },
  { $id: 'Credentials', additionalProperties: false },
);

// About as much as a body may hold: a token that is too long is an invalid one, and its verification says so
const maxTokenLength = 16_000;

const RefreshRequest = Type.Object(
  { refresh_token: Type.String({ minLength: 1, maxLength: maxTokenLength }) },
  { $id: 'RefreshRequest', additionalProperties: false },
);

const LogoutRequest = Type.Object(
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
);

const components = [
  User,
  TokenPair,
  Session,
  SessionList,
  ErrorCodeSchema,
  FieldErrorSchema,
  ErrorResponse,
  HealthStatus,
  NotReady,
  Credentials,
  RefreshRequest,
  ...wellKnownComponents,
  ...oauthComponents,
  LogoutRequest,
];

export default fp<PasswordLengths>(
  async (app, config) => {
    const requests = [createUserRequest(config), registerUserRequest(config)];
    for (const component of [...components, ...requests]) app.addSchema(component);
  },
  { name: 'schemas' },
);

export const userResponse = responseOf<Static<typeof User>>('User');
export const tokenPairResponse = responseOf<Static<typeof TokenPair>>('TokenPair');
export const sessionListResponse = responseOf<Static<typeof SessionList>>('SessionList');
export const errorResponse = responseOf<Static<typeof ErrorResponse>>('ErrorResponse');
export const healthResponse = responseOf<Static<typeof HealthStatus>>('HealthStatus');
export const notReadyResponse = responseOf<Static<typeof NotReady>>('NotReady');

export const createUserBody = Type.Unsafe<Static<ReturnType<typeof createUserRequest>>>(
  Type.Ref('CreateUserRequest'),
);
export const registerUserBody = Type.Unsafe<Static<ReturnType<typeof registerUserRequest>>>(
  Type.Ref('RegisterUserRequest'),
);
export const credentialsBody = Type.Unsafe<Static<typeof Credentials>>(Type.Ref('Credentials'));
export const refreshBody = Type.Unsafe<Static<typeof RefreshRequest>>(Type.Ref('RefreshRequest'));
export const logoutBody = Type.Unsafe<Static<typeof LogoutRequest>>(Type.Ref('LogoutRequest'));
/** Of an operation that takes no body: an empty object is let pass, and the document does not show it. */
export const noBody = Type.Object({}, { additionalProperties: false });

export const userIdParams = Type.Object({ user_id: userId }, { additionalProperties: false });
export const sessionIdParams = Type.Object({ session_id: sessionId }, { additionalProperties: false });
