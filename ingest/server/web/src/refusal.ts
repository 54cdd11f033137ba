/** What the centre says when it refuses: what is wrong, and what to do. */
import type { Refusal } from './contract.ts';

export async function refusalOf(answer: Response): Promise<string> {
  try {
    const { error, fix } = (await answer.json()) as Refusal;
    if (error) return fix ? `${error} ${fix}` : error;
  } catch {
    // Not the centre's own words; its number must do.
  }
  return `HTTP ${answer.status}`;
}
