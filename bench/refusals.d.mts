export function errorCode(body: string): string | undefined;
export function isRefusal(answer: {
  status: number;
  code: string | undefined;
  retryAfter: string | null | undefined;
}): boolean;
