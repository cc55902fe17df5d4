import { type Static, Type } from '@sinclair/typebox';
import type { Config } from '../../config/config.ts';
import { ada, adaId, examplePassword, registeredAt, withExample } from './examples.ts';
import { nullableText } from './nullable-text.ts';
import { responseOf } from './response.ts';

/** The named components of accounts. */

const userId = Type.Integer({
  format: 'int64',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Never changes and is never given to anyone else',
});

const User = withExample(
  Type.Object(
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
  ),
  { user_id: adaId, ...ada, created_at: registeredAt, updated_at: registeredAt },
);

/**
 * Text that is required is not blank either. The pattern begins at the first character, as a client that matches only there
 * (Python's re.match) would otherwise refuse text that begins with a space.
 */
const nonBlank = '^\\s*\\S';
const blankOnlyWhenEmpty = `^$|${nonBlank}`;
const maxTextLength = 200;
const maxAboutLength = 1000;
// Longer than any policy allows and than any older program took, so that the policy and the hash decide
export const maxPasswordLength = 1024;

const email = Type.String({
  format: 'email',
  maxLength: 254,
  description:
    'Compared without regard to case; at most 254 bytes of UTF-8, with no quoted part and a domain of two labels or more',
});
export type PasswordLengths = Pick<Config, 'PASSWORD_MIN_LENGTH' | 'PASSWORD_MAX_LENGTH'>;

const newPassword = ({ PASSWORD_MIN_LENGTH: min, PASSWORD_MAX_LENGTH: max }: PasswordLengths) =>
  Type.String({
    minLength: min,
    // The policy counts normalised text, which may be shorter than what was sent
    maxLength: maxPasswordLength,
    description: `${min} to ${max} characters of any kind but control characters; no common password, not blank, not your email or name`,
  });
// No `default`, which generators read in two ways: some make the field one that must be given
const about = Type.Optional(
  nullableText({
    maxLength: maxAboutLength,
    pattern: blankOnlyWhenEmpty,
    description: 'Free text; null when absent',
  }),
);
const requiredText = (description: string) =>
  Type.String({ minLength: 1, maxLength: maxTextLength, pattern: nonBlank, description });
const optionalText = (description: string) =>
  Type.Optional(Type.String({ maxLength: maxTextLength, pattern: blankOnlyWhenEmpty, description }));

const createUserRequest = (lengths: PasswordLengths) =>
  withExample(
    Type.Object(
      {
        email,
        password: newPassword(lengths),
        name: optionalText('Empty when absent'),
        location: optionalText('Empty when absent'),
        about,
      },
      { $id: 'CreateUserRequest', additionalProperties: false },
    ),
    { email: ada.email, password: examplePassword(lengths.PASSWORD_MIN_LENGTH) },
  );

const registerUserRequest = (lengths: PasswordLengths) =>
  withExample(
    Type.Object(
      {
        name: requiredText('What to call the user'),
        email,
        location: requiredText('Where the user is'),
        about,
        password: newPassword(lengths),
      },
      { $id: 'RegisterUserRequest', additionalProperties: false },
    ),
    { ...ada, password: examplePassword(lengths.PASSWORD_MIN_LENGTH) },
  );

export const accountComponents = (lengths: PasswordLengths) => [
  User,
  createUserRequest(lengths),
  registerUserRequest(lengths),
];

export const userResponse = responseOf<Static<typeof User>>('User');
export const createUserBody = Type.Unsafe<Static<ReturnType<typeof createUserRequest>>>(
  Type.Ref('CreateUserRequest'),
);
export const registerUserBody = Type.Unsafe<Static<ReturnType<typeof registerUserRequest>>>(
  Type.Ref('RegisterUserRequest'),
);
export const userIdParams = Type.Object({ user_id: userId }, { additionalProperties: false });
