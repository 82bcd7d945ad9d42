"use strict";

// Signs what "Try it out" sends: the profile devauth-v1 in the browser, by keys that stay in this page's memory.
// The same few lines as every client kit; see docs/device-authentication.md.
window.handsetSigner = (() => {
  const BY_APP_KEY = ["device/register/", "device/challenge/"];
  const BY_DEVICE = [
    "auth/get-token/",
    "auth/refresh-token/",
    "device/rotate/",
    "device/revoke/",
    "device/verify-signature/",
  ];
  const FIELDS = [
    ["app-id", "App key id", "demo-app"],
    ["app-secret", "App key secret", "base64url"],
    ["device-id", "Device key id", "dev:…:1"],
    ["device-secret", "Device secret", "base64url"],
  ];
  const encoder = new TextEncoder();

  const value = (name) => document.getElementById(`signer-${name}`).value.trim();

  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

  const fromBase64url = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));

  const newNonce = () =>
    base64(crypto.getRandomValues(new Uint8Array(16))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

  function signerOf(url) {
    const endpoint = url.pathname.replace(/^\/api\/v1\//, "").replace(/\/?$/, "/");
    if (BY_APP_KEY.includes(endpoint)) {
      return { tag: "devauth-v1-register", keyid: `app:${value("app-id")}`, secret: value("app-secret") };
    }
    const tag = BY_DEVICE.includes(endpoint) ? "devauth-v1-token" : "devauth-v1-req";
    return { tag, keyid: value("device-id"), secret: value("device-secret") };
  }

  function headerOf(request, name) {
    const found = Object.keys(request.headers).find((key) => key.toLowerCase() === name);
    return found === undefined ? "" : request.headers[found];
  }

  async function intercept(request) {
    const url = new URL(request.url, window.location.href);
    if (!url.pathname.startsWith("/api/v1/")) {
      return request;
    }
    const signer = signerOf(url);
    if (!signer.secret) {
      return request;
    }
    const body = request.body || "";
    const digest = `sha-256=:${base64(await crypto.subtle.digest("SHA-256", encoder.encode(body)))}:`;
    const covered = [
      ["@method", request.method.toUpperCase()],
      ["@authority", url.host.toLowerCase()],
      ["@path", url.pathname],
      ["@query", url.search || "?"],
      ["content-digest", digest],
    ];
    if (body) {
      covered.push(["content-type", headerOf(request, "content-type")]);
    }
    if (signer.tag === "devauth-v1-req") {
      covered.push(["authorization", headerOf(request, "authorization")]);
    }
    const created = Math.floor(Date.now() / 1000);
    const params =
      `(${covered.map(([name]) => `"${name}"`).join(" ")});created=${created};nonce="${newNonce()}"` +
      `;alg="hmac-sha256";keyid="${signer.keyid}";tag="${signer.tag}"`;
    const base = [...covered, ["@signature-params", params]].map(([name, text]) => `"${name}": ${text}`).join("\n");
    const key = await crypto.subtle.importKey(
      "raw",
      fromBase64url(signer.secret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    request.headers["Content-Digest"] = digest;
    request.headers["Signature-Input"] = `sig=${params}`;
    request.headers["Signature"] = `sig=:${base64(await crypto.subtle.sign("HMAC", key, encoder.encode(base)))}:`;
    return request;
  }

  function mount(target) {
    const form = document.createElement("form");
    form.className = "signer";
    const legend = document.createElement("p");
    legend.textContent = "To sign what “Try it out” sends, enter keys here. They stay in this page.";
    form.append(legend);
    for (const [name, label, placeholder] of FIELDS) {
      const wrapper = document.createElement("label");
      const input = document.createElement("input");
      input.id = `signer-${name}`;
      input.type = name.endsWith("secret") ? "password" : "text";
      input.placeholder = placeholder;
      input.autocomplete = "off";
      wrapper.append(label, input);
      form.append(wrapper);
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    target.before(form);
  }

  return { intercept, mount };
})();
