"use strict";

window.addEventListener("load", () => {
  const target = document.getElementById("swagger-ui");
  window.handsetSigner.mount(target);
  window.SwaggerUIBundle({
    url: target.dataset.schemaUrl,
    dom_id: "#swagger-ui",
    deepLinking: true,
    persistAuthorization: false,
    requestInterceptor: window.handsetSigner.intercept,
  });
});
