export { localStorageStore } from './browser-store.ts';
export { GatehouseError, GatehouseNetworkError } from './errors.ts';
export { type CallOptions, createGatehouse, type Gatehouse, type GatehouseOptions } from './gatehouse.ts';
export { errorCodes } from './operations.ts';
export type { RetryOptions } from './retry.ts';
export type {
  Credentials,
  ErrorCode,
  ErrorResponse,
  FieldError,
  paths,
  RegisterUserRequest,
  Session as UserSession,
  TokenPair,
  User,
} from './schema.ts';
export type { SessionEnd } from './session.ts';
export { memoryStore, type StoredTokens, type TokenStore } from './token-store.ts';
