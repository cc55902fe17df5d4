export function roleSettings(role: string): string;
