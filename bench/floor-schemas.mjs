// The responses of Gatehouse, for the serialiser of the floors
const text = { type: 'string' };
const integer = { type: 'integer' };
const time = { type: 'string', format: 'date-time' };
const object = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });

export const userSchema = object({
  user_id: integer,
  name: text,
  email: text,
  location: text,
  about: { type: 'string', nullable: true },
  created_at: time,
  updated_at: time,
});

export const tokenPairSchema = object({
  access_token: text,
  token_type: text,
  expires_in: integer,
  refresh_token: text,
  refresh_expires_in: integer,
});
