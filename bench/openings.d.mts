export function openings(progress: (message: string) => void): {
  open<Thing>(opening: Thing | Promise<Thing>, close?: (thing: Thing) => Promise<unknown>): Promise<Thing>;
  closeAll(): Promise<void>;
};
