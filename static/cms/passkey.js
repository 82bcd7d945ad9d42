// Passkeys for the pages of staff. A form with `data-passkey` (get or create) asks the server for its question, the
// browser for an answer, and is sent with it. Without JavaScript, or without passkeys, the form stays hidden.

const decode = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const descriptor = (entry) => ({ ...entry, id: decode(entry.id) });

// The server spells bytes as base64url; the browser wants buffers, and gives them.
function question(kind, { publicKey }) {
  if (kind === "get") {
    const allowCredentials = (publicKey.allowCredentials ?? []).map(descriptor);
    return { publicKey: { ...publicKey, challenge: decode(publicKey.challenge), allowCredentials } };
  }
  const excludeCredentials = (publicKey.excludeCredentials ?? []).map(descriptor);
  const user = { ...publicKey.user, id: decode(publicKey.user.id) };
  return { publicKey: { ...publicKey, challenge: decode(publicKey.challenge), user, excludeCredentials } };
}

function answer(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  }
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function perform(form) {
  const asked = await fetch(form.dataset.question, {
    method: "POST",
    body: new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value }),
  });
  if (!asked.ok) throw new Error(`The server answered ${asked.status}.`);
  const kind = form.dataset.passkey;
  form.elements.credential.value = JSON.stringify(
    answer(await navigator.credentials[kind](question(kind, await asked.json()))),
  );
  form.submit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  for (const part of document.querySelectorAll("[data-passkey-part]")) part.hidden = false;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const told = form.querySelector("[role=alert]");
    told.hidden = true;
    try {
      await perform(form);
    } catch (error) {
      // Whoever closes the browser's own window has not failed at anything.
      if (error.name === "NotAllowedError" || error.name === "AbortError") return;
      told.textContent = `${told.dataset.prefix} ${error.message}`;
      told.hidden = false;
    }
  });
}
