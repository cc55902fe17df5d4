import { Type } from '@sinclair/typebox';

/** Of an operation that takes no body: an empty object is let pass, and the document does not show it. */
export const noBody = Type.Object({}, { additionalProperties: false });
