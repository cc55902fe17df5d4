// Generated from openapi.json by `npm run generate`
export interface paths {
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is the process alive?
         * @description Anyone may call this. Answers without asking anything else. When it does not answer, restart the process.
         */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Should this instance get traffic?
         * @description Anyone may call this. The answer is no while it starts or shuts down, or while the database cannot be reached or lacks a migration.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/startupz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Has the process started?
         * @description Anyone may call this. The answer is yes once the schema is up to date and requests are served.
         */
        get: operations["getStartup"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the public keys that verify access tokens
         * @description Anyone may call this (RFC 7517). Choose the key by the `kid` of a token. Empty when access tokens are signed with a shared secret. May be cached for five minutes; a new key is here before it signs.
         */
        get: operations["getJwks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/oauth-authorization-server": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read where keys, introspection and revocation are
         * @description Anyone may call this (RFC 8414). Tokens are not given out by an OAuth grant here, so there is no authorization or token endpoint. May be cached for five minutes.
         */
        get: operations["getServerMetadata"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/user/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Register with an email and a password
         * @description Anyone may call this. Name, location and about may be left out. It does not log the user in.
         */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/register-user": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Register with name, email, location and password
         * @description Anyone may call this. Only about may be left out. It does not log the user in.
         */
        post: operations["registerUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/user/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange an email and a password for tokens
         * @description Anyone may call this. Opens a session, which lives until it ends, expires or is left idle. Where a user has too many sessions, the oldest ends.
         */
        post: operations["verifyUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange an email and a password for tokens
         * @description Anyone may call this. Opens a session, which lives until it ends, expires or is left idle. Where a user has too many sessions, the oldest ends.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/refresh-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a refresh token for the next tokens
         * @description Anyone who holds a refresh token may call this. Each token works once; repeating a refresh at once, after a lost response or from a second tab, gives the same refresh token again. A token that comes back later ends its session.
         */
        post: operations["refreshToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End one session
         * @description Anyone who holds a token of the session may call this: send its refresh token, or leave the body out, or send null for it, and send its access token. With a refresh token in the body, the Authorization header is not looked at. Repeating it does no harm: a session that has ended already is answered in the same way.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read your own user
         * @description Anyone with an access token whose session is alive may call this, and gets the user as it is stored now.
         */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/user/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a user by id
         * @description Anyone with an access token whose session is alive may call this, with their own id. Any other id is refused, whether or not anyone has it.
         */
        get: operations["getUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List your sessions
         * @description Anyone with an access token whose session is alive may call this. Sessions that have ended, expired or been left idle are not listed.
         */
        get: operations["listSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/sessions/{session_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End one of your sessions
         * @description Anyone with an access token whose session is alive may call this, for that session too. Sessions of others are treated as if they did not exist.
         */
        delete: operations["endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout-others": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End all your other sessions
         * @description Anyone with an access token whose session is alive may call this. That session goes on.
         */
        post: operations["logoutOthers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout-all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End all your sessions
         * @description Anyone with an access token whose session is alive may call this. That session ends with the others.
         */
        post: operations["logoutAll"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/oauth/introspect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask whether a token is active
         * @description Clients may call this (RFC 7662). An access token is active until it expires or its session ends. Refresh tokens are inactive, unless `token_type_hint` says `refresh_token`: then one is active as long as a refresh with it would succeed. Of anything else, `{"active": false}` is all that is told.
         */
        post: operations["introspectToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/oauth/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End the session of a token
         * @description Clients may call this (RFC 7009). The session of an access token or refresh token ends, and all tokens of that session with it. A token that is unknown, expired or already revoked is answered no differently.
         */
        post: operations["revokeToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        CreateUserRequest: {
            /**
             * Format: email
             * @description Compared without regard to case; at most 254 bytes of UTF-8, with no quoted part and a domain of two labels or more
             */
            email: string;
            /** @description 8 to 128 characters of any kind but control characters; no common password, not blank, not your email or name */
            password: string;
            /** @description Empty when absent */
            name?: string;
            /** @description Empty when absent */
            location?: string;
            /** @description Free text; null when absent */
            about?: string | null;
        };
        Credentials: {
            /** @description Compared without regard to case */
            email: string;
            password: string;
        };
        /**
         * @description What went wrong; a client can act on it alone. New ones may be added: one that a client does not know means what its status says
         * @enum {string}
         */
        ErrorCode: "MALFORMED_REQUEST" | "MALFORMED_JSON" | "OAUTH_REQUEST_INVALID" | "AUTHENTICATION_REQUIRED" | "ACCESS_TOKEN_INVALID" | "ACCESS_TOKEN_EXPIRED" | "SESSION_ENDED" | "CLIENT_AUTHENTICATION_FAILED" | "INVALID_CREDENTIALS" | "REFRESH_TOKEN_INVALID" | "REFRESH_TOKEN_EXPIRED" | "REFRESH_TOKEN_REUSED" | "FORBIDDEN" | "NOT_FOUND" | "SESSION_NOT_FOUND" | "METHOD_NOT_ALLOWED" | "REQUEST_TIMEOUT" | "EMAIL_ALREADY_EXISTS" | "PRECONDITION_FAILED" | "BODY_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "RANGE_NOT_SATISFIABLE" | "EXPECTATION_FAILED" | "VALIDATION_ERROR" | "RATE_LIMITED" | "HEADERS_TOO_LARGE" | "INTERNAL_ERROR" | "OVERLOADED" | "PASSWORD_HASHING_BUSY" | "DATABASE_UNAVAILABLE" | "NOT_READY" | "SHUTTING_DOWN";
        ErrorResponse: {
            /** @description For people */
            detail: string;
            error_code: components["schemas"]["ErrorCode"];
            /**
             * @description In the words of OAuth; only below /oauth
             * @enum {string}
             */
            error?: "invalid_client" | "invalid_request";
            /** @description One entry for each fault; only with VALIDATION_ERROR */
            errors?: components["schemas"]["FieldError"][];
        };
        FieldError: {
            /** @description The name the client sent, or "body" for the body as a whole */
            field: string;
            message: string;
        };
        HealthStatus: {
            /** @enum {string} */
            status: "ok";
        };
        IntrospectionRequest: {
            /** @description An access token or a refresh token. One that is empty counts as missing */
            token: string;
            /** @description `refresh_token` to ask about refresh tokens as well; else ignored */
            token_type_hint?: string;
            /** @description With client_secret, for clients that cannot send them by HTTP Basic */
            client_id?: string;
            /** @description Never together with HTTP Basic */
            client_secret?: string;
        };
        IntrospectionResponse: {
            /** @description When false, the only member */
            active: boolean;
            /**
             * @description Of access tokens alone
             * @enum {string}
             */
            token_type?: "Bearer";
            /** @description The user_id */
            sub?: string;
            /** @description The session, the same for all its tokens */
            sid?: string;
            /** @description Who issued it */
            iss?: string;
            /** @description Whom it is meant for; of access tokens alone */
            aud?: string;
            /** @description Names this token; of access tokens alone */
            jti?: string;
            /**
             * Format: int64
             * @description When it was issued, in seconds since 1970
             */
            iat?: number;
            /**
             * Format: int64
             * @description When it expires, in seconds since 1970
             */
            exp?: number;
        };
        /** @description A public key (RFC 7517 §4) */
        Jwk: {
            /** @enum {string} */
            kty: "RSA" | "EC" | "OKP";
            /** @enum {string} */
            use: "sig";
            /**
             * @description The only algorithm of this key
             * @enum {string}
             */
            alg: "RS256" | "ES256" | "EdDSA";
            /** @description RFC 7638 thumbprint */
            kid: string;
            /** @description The curve; of EC and OKP keys */
            crv?: string;
            /** @description Of EC and OKP keys */
            x?: string;
            /** @description Of EC keys */
            y?: string;
            /** @description The modulus; of RSA keys */
            n?: string;
            /** @description The exponent; of RSA keys */
            e?: string;
        };
        JwkSet: {
            keys: components["schemas"]["Jwk"][];
        };
        LogoutRequest: {
            /** @description Any of the session, used or not */
            refresh_token?: string;
        };
        NotReady: {
            /** @description For people */
            detail: string;
            error_code: components["schemas"]["ErrorCode"];
            /** @enum {string} */
            reason: "starting" | "database" | "schema_behind" | "draining";
        };
        RefreshRequest: {
            refresh_token: string;
        };
        RegisterUserRequest: {
            /** @description What to call the user */
            name: string;
            /**
             * Format: email
             * @description Compared without regard to case; at most 254 bytes of UTF-8, with no quoted part and a domain of two labels or more
             */
            email: string;
            /** @description Where the user is */
            location: string;
            /** @description Free text; null when absent */
            about?: string | null;
            /** @description 8 to 128 characters of any kind but control characters; no common password, not blank, not your email or name */
            password: string;
        };
        RevocationRequest: {
            /** @description An access token or a refresh token. One that is empty counts as missing */
            token: string;
            /** @description Ignored: a token is recognised without it */
            token_type_hint?: string;
            /** @description With client_secret, for clients that cannot send them by HTTP Basic */
            client_id?: string;
            /** @description Never together with HTTP Basic */
            client_secret?: string;
        };
        ServerMetadata: {
            /** @description The iss claim of access tokens */
            issuer: string;
            /**
             * Format: uri
             * @description The public keys that verify access tokens
             */
            jwks_uri: string;
            /**
             * Format: uri
             * @description RFC 7662
             */
            introspection_endpoint: string;
            /** @description How clients may authenticate there */
            introspection_endpoint_auth_methods_supported: string[];
            /**
             * Format: uri
             * @description RFC 7009
             */
            revocation_endpoint: string;
            /** @description How clients may authenticate there */
            revocation_endpoint_auth_methods_supported: string[];
            /**
             * Format: uri
             * @description For people
             */
            service_documentation: string;
            /** @description None: there is no authorization endpoint */
            response_types_supported: string[];
            /** @description None: there is no token endpoint */
            grant_types_supported: string[];
        };
        Session: {
            /** Format: int64 */
            session_id: number;
            /**
             * Format: date-time
             * @description The login
             */
            created_at: string;
            /**
             * Format: date-time
             * @description The last login or refresh
             */
            last_used_at: string;
            /**
             * Format: date-time
             * @description The end, however often it is refreshed; without a refresh it comes sooner
             */
            expires_at: string;
            /** @description Where the login came from; null when that is not known */
            ip: string | null;
            /** @description What the client called itself; null when it did not */
            user_agent: string | null;
            /** @description True for the session this request speaks for */
            current: boolean;
        };
        SessionList: {
            /** @description The most recently used first */
            sessions: components["schemas"]["Session"][];
        };
        TokenPair: {
            /** @description Sent as "Authorization: Bearer …" with each request */
            access_token: string;
            /** @enum {string} */
            token_type: "Bearer";
            /**
             * Format: int32
             * @description Seconds until the access token expires
             */
            expires_in: number;
            /** @description Exchanged for the next pair, once */
            refresh_token: string;
            /**
             * Format: int32
             * @description Seconds until the refresh token expires
             */
            refresh_expires_in: number;
        };
        User: {
            /**
             * Format: int64
             * @description Never changes and is never given to anyone else
             */
            user_id: number;
            /** @description Empty when none was given */
            name: string;
            /** @description In lower case */
            email: string;
            /** @description Empty when none was given */
            location: string;
            /** @description Null when none was given */
            about: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type CreateUserRequest = components['schemas']['CreateUserRequest'];
export type Credentials = components['schemas']['Credentials'];
export type ErrorCode = components['schemas']['ErrorCode'];
export type ErrorResponse = components['schemas']['ErrorResponse'];
export type FieldError = components['schemas']['FieldError'];
export type HealthStatus = components['schemas']['HealthStatus'];
export type IntrospectionRequest = components['schemas']['IntrospectionRequest'];
export type IntrospectionResponse = components['schemas']['IntrospectionResponse'];
export type Jwk = components['schemas']['Jwk'];
export type JwkSet = components['schemas']['JwkSet'];
export type LogoutRequest = components['schemas']['LogoutRequest'];
export type NotReady = components['schemas']['NotReady'];
export type RefreshRequest = components['schemas']['RefreshRequest'];
export type RegisterUserRequest = components['schemas']['RegisterUserRequest'];
export type RevocationRequest = components['schemas']['RevocationRequest'];
export type ServerMetadata = components['schemas']['ServerMetadata'];
export type Session = components['schemas']['Session'];
export type SessionList = components['schemas']['SessionList'];
export type TokenPair = components['schemas']['TokenPair'];
export type User = components['schemas']['User'];
export type $defs = Record<string, never>;
export interface operations {
    getLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Yes */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["HealthStatus"];
                };
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Yes */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["HealthStatus"];
                };
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `NOT_READY`: This instance should get no traffic, for the `reason` that is given; ask again after `retry-after` seconds. */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NotReady"];
                };
            };
        };
    };
    getStartup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Yes */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["HealthStatus"];
                };
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `NOT_READY`: The process has not started yet; ask again after `retry-after` seconds. */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NotReady"];
                };
            };
        };
    };
    getJwks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description For how long it may be used without asking again */
                    "cache-control": string;
                    /** @description Send it back in If-None-Match (RFC 9110 §13.1.2) */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "keys": [
                     *         {
                     *           "kty": "EC",
                     *           "use": "sig",
                     *           "alg": "ES256",
                     *           "kid": "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
                     *           "crv": "P-256",
                     *           "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                     *           "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["JwkSet"];
                };
            };
            /** @description What If-None-Match names is still right */
            304: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description For how long it may be used without asking again */
                    "cache-control": string;
                    /** @description Send it back in If-None-Match (RFC 9110 §13.1.2) */
                    etag: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds. */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    getServerMetadata: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metadata */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description For how long it may be used without asking again */
                    "cache-control": string;
                    /** @description Send it back in If-None-Match (RFC 9110 §13.1.2) */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "issuer": "https://auth.example.com",
                     *       "jwks_uri": "https://auth.example.com/.well-known/jwks.json",
                     *       "introspection_endpoint": "https://auth.example.com/oauth/introspect",
                     *       "introspection_endpoint_auth_methods_supported": [
                     *         "client_secret_basic",
                     *         "client_secret_post"
                     *       ],
                     *       "revocation_endpoint": "https://auth.example.com/oauth/revoke",
                     *       "revocation_endpoint_auth_methods_supported": [
                     *         "client_secret_basic",
                     *         "client_secret_post"
                     *       ],
                     *       "service_documentation": "https://auth.example.com/docs",
                     *       "response_types_supported": [],
                     *       "grant_types_supported": []
                     *     }
                     */
                    "application/json": components["schemas"]["ServerMetadata"];
                };
            };
            /** @description What If-None-Match names is still right */
            304: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description For how long it may be used without asking again */
                    "cache-control": string;
                    /** @description Send it back in If-None-Match (RFC 9110 §13.1.2) */
                    etag: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds. */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "ada@example.com",
                 *       "password": "analytical engine"
                 *     }
                 */
                "application/json": components["schemas"]["CreateUserRequest"];
            };
        };
        responses: {
            /** @description The new user */
            201: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "user_id": 42,
                     *       "name": "Ada Lovelace",
                     *       "email": "ada@example.com",
                     *       "location": "London",
                     *       "about": "Countess of Lovelace",
                     *       "created_at": "2026-01-31T09:30:00.000Z",
                     *       "updated_at": "2026-01-31T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["User"];
                };
            };
            /**
             * @description `MALFORMED_JSON`: The body is empty, or not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EMAIL_ALREADY_EXISTS`: Somebody has registered with this email, in whatever case it was written. */
            409: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: No user was created, as fields are missing, unknown, given twice or not acceptable, or the password is too easily guessed; `errors` names each with the reason. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `RATE_LIMITED`: Too many have registered from this address, or tried to with an email that is taken; no user was created. Try again after `retry-after` seconds. */
            429: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit": number;
                    /** @description How many are left */
                    "ratelimit-remaining": number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now; try again after `retry-after` seconds. When that is answered `EMAIL_ALREADY_EXISTS`, the first request had succeeded: log in.
             *
             *     `PASSWORD_HASHING_BUSY`: Too many passwords are being checked right now, and this one was not; try again after `retry-after` seconds.
             *
             *     `SHUTTING_DOWN`: This instance is shutting down and did nothing; try again on a new connection, which reaches another.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    registerUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Ada Lovelace",
                 *       "email": "ada@example.com",
                 *       "location": "London",
                 *       "about": "Countess of Lovelace",
                 *       "password": "analytical engine"
                 *     }
                 */
                "application/json": components["schemas"]["RegisterUserRequest"];
            };
        };
        responses: {
            /** @description The new user */
            201: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "user_id": 42,
                     *       "name": "Ada Lovelace",
                     *       "email": "ada@example.com",
                     *       "location": "London",
                     *       "about": "Countess of Lovelace",
                     *       "created_at": "2026-01-31T09:30:00.000Z",
                     *       "updated_at": "2026-01-31T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["User"];
                };
            };
            /**
             * @description `MALFORMED_JSON`: The body is empty, or not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EMAIL_ALREADY_EXISTS`: Somebody has registered with this email, in whatever case it was written. */
            409: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: No user was created, as fields are missing, unknown, given twice or not acceptable, or the password is too easily guessed; `errors` names each with the reason. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `RATE_LIMITED`: Too many have registered from this address, or tried to with an email that is taken; no user was created. Try again after `retry-after` seconds. */
            429: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit": number;
                    /** @description How many are left */
                    "ratelimit-remaining": number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now; try again after `retry-after` seconds. When that is answered `EMAIL_ALREADY_EXISTS`, the first request had succeeded: log in.
             *
             *     `PASSWORD_HASHING_BUSY`: Too many passwords are being checked right now, and this one was not; try again after `retry-after` seconds.
             *
             *     `SHUTTING_DOWN`: This instance is shutting down and did nothing; try again on a new connection, which reaches another.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    verifyUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "ada@example.com",
                 *       "password": "analytical engine"
                 *     }
                 */
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description The tokens of a new session */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl",
                     *       "token_type": "Bearer",
                     *       "expires_in": 900,
                     *       "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJnZW5lcmF0aW9uIjoxfQ.c2lnbmF0dXJl",
                     *       "refresh_expires_in": 1209600
                     *     }
                     */
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            /**
             * @description `MALFORMED_JSON`: The body is empty, or not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INVALID_CREDENTIALS`: Nobody has this email, or the password is not theirs; which of the two, is not told. */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: Nothing was done, as fields are missing, unknown, given twice or not acceptable; `errors` names each with the reason. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `RATE_LIMITED`: Too many logins have failed, to this account or from this address; nothing was checked. Try again after `retry-after` seconds. An address that the account has logged in from is not held to what others have done. */
            429: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit": number;
                    /** @description How many are left */
                    "ratelimit-remaining": number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `PASSWORD_HASHING_BUSY`: Too many passwords are being checked right now, and this one was not; try again after `retry-after` seconds.
             *
             *     `SHUTTING_DOWN`: This instance is shutting down and did nothing; try again on a new connection, which reaches another.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "ada@example.com",
                 *       "password": "analytical engine"
                 *     }
                 */
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description The tokens of a new session */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl",
                     *       "token_type": "Bearer",
                     *       "expires_in": 900,
                     *       "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJnZW5lcmF0aW9uIjoxfQ.c2lnbmF0dXJl",
                     *       "refresh_expires_in": 1209600
                     *     }
                     */
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            /**
             * @description `MALFORMED_JSON`: The body is empty, or not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INVALID_CREDENTIALS`: Nobody has this email, or the password is not theirs; which of the two, is not told. */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: Nothing was done, as fields are missing, unknown, given twice or not acceptable; `errors` names each with the reason. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `RATE_LIMITED`: Too many logins have failed, to this account or from this address; nothing was checked. Try again after `retry-after` seconds. An address that the account has logged in from is not held to what others have done. */
            429: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit": number;
                    /** @description How many are left */
                    "ratelimit-remaining": number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `PASSWORD_HASHING_BUSY`: Too many passwords are being checked right now, and this one was not; try again after `retry-after` seconds.
             *
             *     `SHUTTING_DOWN`: This instance is shutting down and did nothing; try again on a new connection, which reaches another.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    refreshToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJnZW5lcmF0aW9uIjoxfQ.c2lnbmF0dXJl"
                 *     }
                 */
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            /** @description The next tokens of the session */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl",
                     *       "token_type": "Bearer",
                     *       "expires_in": 900,
                     *       "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJnZW5lcmF0aW9uIjoxfQ.c2lnbmF0dXJl",
                     *       "refresh_expires_in": 1209600
                     *     }
                     */
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            /**
             * @description `MALFORMED_JSON`: The body is empty, or not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `REFRESH_TOKEN_INVALID`: What was sent is no refresh token of this service; the user has to log in again.
             *
             *     `REFRESH_TOKEN_EXPIRED`: The refresh token has expired, as it was not used for too long; the user has to log in again.
             *
             *     `REFRESH_TOKEN_REUSED`: The refresh token was exchanged before, and is taken for stolen: its session has been ended; the user has to log in again.
             *
             *     `SESSION_ENDED`: The session was logged out, has expired or made room for a newer one; the user has to log in again.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 80 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: Nothing was done, as fields are missing, unknown, given twice or not acceptable; `errors` names each with the reason. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `RATE_LIMITED`: Too many refresh tokens from this address were refused, and this one is no right one or was refused before; try again after `retry-after` seconds. */
            429: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit": number;
                    /** @description How many are left */
                    "ratelimit-remaining": number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now; try again with the same refresh token after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJnZW5lcmF0aW9uIjoxfQ.c2lnbmF0dXJl"
                 *     }
                 */
                "application/json": components["schemas"]["LogoutRequest"];
            };
        };
        responses: {
            /** @description The session has ended */
            204: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `MALFORMED_JSON`: A body was sent, and it is not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `AUTHENTICATION_REQUIRED`: Neither a refresh token nor an access token was sent.
             *
             *     `ACCESS_TOKEN_INVALID`: What was sent in the Authorization header is no access token of this service, or no longer one; send the refresh token.
             *
             *     `ACCESS_TOKEN_EXPIRED`: The access token has expired, which its session may not have; send the refresh token.
             *
             *     `REFRESH_TOKEN_INVALID`: What was sent is no refresh token of this service; there is nothing to end.
             *
             *     `REFRESH_TOKEN_EXPIRED`: The refresh token has expired, and its session has ended unless it was refreshed since.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 80 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: Nothing was done, as fields are missing, unknown, given twice or not acceptable; `errors` names each with the reason. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and the session may go on; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user the access token belongs to */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "user_id": 42,
                     *       "name": "Ada Lovelace",
                     *       "email": "ada@example.com",
                     *       "location": "London",
                     *       "about": "Countess of Lovelace",
                     *       "created_at": "2026-01-31T09:30:00.000Z",
                     *       "updated_at": "2026-01-31T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `AUTHENTICATION_REQUIRED`: No access token was sent; send one as `Authorization: Bearer …`.
             *
             *     `ACCESS_TOKEN_INVALID`: What was sent is no access token of this service, or no longer one; refresh, then repeat the request once.
             *
             *     `ACCESS_TOKEN_EXPIRED`: The access token has expired; refresh, then repeat the request once.
             *
             *     `SESSION_ENDED`: The session was logged out, left idle, has expired or made room for a newer one; the user has to log in again.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Never changes and is never given to anyone else */
                user_id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "user_id": 42,
                     *       "name": "Ada Lovelace",
                     *       "email": "ada@example.com",
                     *       "location": "London",
                     *       "about": "Countess of Lovelace",
                     *       "created_at": "2026-01-31T09:30:00.000Z",
                     *       "updated_at": "2026-01-31T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `AUTHENTICATION_REQUIRED`: No access token was sent; send one as `Authorization: Bearer …`.
             *
             *     `ACCESS_TOKEN_INVALID`: What was sent is no access token of this service, or no longer one; refresh, then repeat the request once.
             *
             *     `ACCESS_TOKEN_EXPIRED`: The access token has expired; refresh, then repeat the request once.
             *
             *     `SESSION_ENDED`: The session was logged out, left idle, has expired or made room for a newer one; the user has to log in again.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `FORBIDDEN`: The id is not the one of the user the access token belongs to. */
            403: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: What stands for the id in the path is not a positive integer. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    listSessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Your sessions, the most recently used first */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "sessions": [
                     *         {
                     *           "session_id": 1815,
                     *           "created_at": "2026-01-31T09:30:00.000Z",
                     *           "last_used_at": "2026-02-03T18:05:00.000Z",
                     *           "expires_at": "2026-03-02T09:30:00.000Z",
                     *           "ip": "192.0.2.7",
                     *           "user_agent": "Mozilla/5.0",
                     *           "current": true
                     *         },
                     *         {
                     *           "session_id": 1812,
                     *           "created_at": "2026-01-31T09:30:00.000Z",
                     *           "last_used_at": "2026-01-31T09:30:00.000Z",
                     *           "expires_at": "2026-03-02T09:30:00.000Z",
                     *           "ip": null,
                     *           "user_agent": null,
                     *           "current": false
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["SessionList"];
                };
            };
            /** @description `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help. */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `AUTHENTICATION_REQUIRED`: No access token was sent; send one as `Authorization: Bearer …`.
             *
             *     `ACCESS_TOKEN_INVALID`: What was sent is no access token of this service, or no longer one; refresh, then repeat the request once.
             *
             *     `ACCESS_TOKEN_EXPIRED`: The access token has expired; refresh, then repeat the request once.
             *
             *     `SESSION_ENDED`: The session was logged out, left idle, has expired or made room for a newer one; the user has to log in again.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                session_id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has ended */
            204: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `MALFORMED_JSON`: A body was sent, and it is not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `AUTHENTICATION_REQUIRED`: No access token was sent; send one as `Authorization: Bearer …`.
             *
             *     `ACCESS_TOKEN_INVALID`: What was sent is no access token of this service, or no longer one; refresh, then repeat the request once.
             *
             *     `ACCESS_TOKEN_EXPIRED`: The access token has expired; refresh, then repeat the request once.
             *
             *     `SESSION_ENDED`: The session was logged out, left idle, has expired or made room for a newer one; the user has to log in again.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `SESSION_NOT_FOUND`: You have no session with this id: there never was one, it has ended, or it is someone else’s. */
            404: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: What stands for the id in the path is not a positive integer, or a body with fields was sent. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    logoutOthers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sessions have ended */
            204: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `MALFORMED_JSON`: A body was sent, and it is not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `AUTHENTICATION_REQUIRED`: No access token was sent; send one as `Authorization: Bearer …`.
             *
             *     `ACCESS_TOKEN_INVALID`: What was sent is no access token of this service, or no longer one; refresh, then repeat the request once.
             *
             *     `ACCESS_TOKEN_EXPIRED`: The access token has expired; refresh, then repeat the request once.
             *
             *     `SESSION_ENDED`: The session was logged out, left idle, has expired or made room for a newer one; the user has to log in again.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: A body with fields was sent; this operation has none. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    logoutAll: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sessions have ended */
            204: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `MALFORMED_JSON`: A body was sent, and it is not valid JSON in UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `AUTHENTICATION_REQUIRED`: No access token was sent; send one as `Authorization: Bearer …`.
             *
             *     `ACCESS_TOKEN_INVALID`: What was sent is no access token of this service, or no longer one; refresh, then repeat the request once.
             *
             *     `ACCESS_TOKEN_EXPIRED`: The access token has expired; refresh, then repeat the request once.
             *
             *     `SESSION_ENDED`: The session was logged out, left idle, has expired or made room for a newer one; the user has to log in again.
             */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The body exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/json`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `VALIDATION_ERROR`: A body with fields was sent; this operation has none. */
            422: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    introspectToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
                 *     }
                 */
                "application/x-www-form-urlencoded": components["schemas"]["IntrospectionRequest"];
            };
        };
        responses: {
            /** @description What is known of the token */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "active": true,
                     *       "token_type": "Bearer",
                     *       "sub": "42",
                     *       "sid": "1815",
                     *       "iss": "gatehouse",
                     *       "aud": "gatehouse",
                     *       "jti": "7b1f3c52-6f0e-4b7e-9a55-2f1f5f0d8c11",
                     *       "iat": 1769851800,
                     *       "exp": 1769852700
                     *     }
                     */
                    "application/json": components["schemas"]["IntrospectionResponse"];
                };
            };
            /**
             * @description `OAUTH_REQUEST_INVALID`: The parameter `token` is missing, a parameter is given twice, two clients or two ways to authenticate are used, or the form is not valid UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `CLIENT_AUTHENTICATION_FAILED`: No credentials of a client were sent, or the client is unknown, or its secret is wrong; which of these, is not told. */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The form exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/x-www-form-urlencoded`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `RATE_LIMITED`: Too many clients have failed to authenticate from this address, and so has this one; try again after `retry-after` seconds. A client with the right secret is never limited. */
            429: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit": number;
                    /** @description How many are left */
                    "ratelimit-remaining": number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and in rare cases the request has taken effect all the same; try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl",
                 *       "token_type_hint": "access_token"
                 *     }
                 */
                "application/x-www-form-urlencoded": components["schemas"]["RevocationRequest"];
            };
        };
        responses: {
            /** @description The token no longer works, if it ever did */
            200: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `OAUTH_REQUEST_INVALID`: The parameter `token` is missing, a parameter is given twice, two clients or two ways to authenticate are used, or the form is not valid UTF-8.
             *
             *     `MALFORMED_REQUEST`: The request is not valid HTTP; repeating it as it is does not help.
             */
            400: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `CLIENT_AUTHENTICATION_FAILED`: No credentials of a client were sent, or the client is unknown, or its secret is wrong; which of these, is not told. */
            401: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description How to authenticate (RFC 9110 §11.6.1) */
                    "www-authenticate": string;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit"?: number;
                    /** @description How many are left */
                    "ratelimit-remaining"?: number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `REQUEST_TIMEOUT`: The request did not arrive within ten seconds and was not carried out; it may be repeated. */
            408: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `BODY_TOO_LARGE`: The form exceeds 16 KiB. */
            413: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not sent as `application/x-www-form-urlencoded`, or it is compressed. */
            415: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `EXPECTATION_FAILED`: The `Expect` header asks for something other than `100-continue`; leave it out. */
            417: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `RATE_LIMITED`: Too many clients have failed to authenticate from this address, and so has this one; try again after `retry-after` seconds. A client with the right secret is never limited. */
            429: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    /** @description How many the limit that is the nearest to its end allows in its window */
                    "ratelimit-limit": number;
                    /** @description How many are left */
                    "ratelimit-remaining": number;
                    /** @description Seconds until the window ends */
                    "ratelimit-reset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `HEADERS_TOO_LARGE`: The path and the headers together exceed 16 KiB. */
            431: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description `INTERNAL_ERROR`: Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`. */
            500: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /**
             * @description `DATABASE_UNAVAILABLE`: The database cannot be reached right now, and the token must be taken to be valid still (RFC 7009 §2.2.1); try again after `retry-after` seconds.
             *
             *     `OVERLOADED`: Too much is being asked of this instance right now, and the request was not carried out; try again after `retry-after` seconds.
             */
            503: {
                headers: {
                    /** @description Names this request in the log */
                    "x-request-id": string;
                    /** @description Seconds to wait */
                    "retry-after": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
}
