// The server's problems (contract, section 1) in human words: what happened, what was saved, what to do next.

const WORDS = {
  NETWORK: "We can't reach the house. Check your connection; nothing you wrote was lost.",
  DISCONNECTED: "We are not connected just now. Try again in a moment.",
  TIMEOUT: "No answer came in time. Look whether it happened before you do it again.",
  UNAUTHENTICATED: "You have been signed out. Sign in again; what you wrote is kept in this tab.",
  TOKEN_EXPIRED: "You have been signed out. Sign in again; what you wrote is kept in this tab.",
  NOT_FOUND: "That isn't there any more.",
  CONFLICT: "That can't be done just now. Wait for the reply to end, then try again.",
  PROVIDER_ERROR: "The voice behind the character failed. Nothing was charged; try again.",
  PROVIDER_UNAVAILABLE: "The voice behind the character can't be reached. Nothing was charged; try again in a while.",
  NOT_READY: "The house is very busy. Nothing was lost; try again in a moment.",
  SERVER_ERROR: "Something broke on our side. Nothing was lost; try again.",
};

const PASSING = ["NETWORK", "DISCONNECTED", "TIMEOUT", "NOT_READY", "UNAUTHENTICATED", "TOKEN_EXPIRED"];

/** One or two sentences for a problem {code, detail?, errors?, retry_after?, remaining_credits?, required_credits?}. */
export function words(problem) {
  switch (problem?.code) {
    case "NO_CREDITS":
      return problem.required_credits
        ? `A reply costs about ${problem.required_credits}, and ${problem.remaining_credits} is left. Your line is kept here.`
        : "What is left does not pay for a reply. Your line is kept here.";
    case "RATE_LIMIT_EXCEEDED":
      return `A little slower, please. It opens again in ${seconds(problem.retry_after)}.`;
    case "VALIDATION_ERROR":
    case "UNPROCESSABLE_ENTITY":
      return firstFieldError(problem) ?? problem.detail ?? "Something in it is not right.";
    default:
      return WORDS[problem?.code] ?? problem?.detail ?? "That did not work. Try again.";
  }
}

function firstFieldError(problem) {
  const messages = Object.values(problem.errors ?? {}).flat();
  return messages.length ? String(messages[0]) : null;
}

function seconds(value) {
  const whole = Math.max(1, Math.ceil(Number(value) || 1));
  if (whole > 90) return `${Math.ceil(whole / 60)} minutes`;
  return whole === 1 ? "a second" : `${whole} seconds`;
}

/** Whether the same thing may well work later without a change. */
export function passes(problem) {
  return PASSING.includes(problem?.code) || (problem?.code === "CONFLICT" && Boolean(problem.retry_after));
}
