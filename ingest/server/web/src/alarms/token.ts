/** The token of the centre, kept until the page is closed and no longer: it is a secret. */
let token = '';

export function heldToken(): string {
  return token;
}

/** Keeps a token; nothing typed keeps the one there is. */
export function holdToken(typed: string): void {
  token = typed || token;
}
