"use strict";
window.handsetSigner = { intercept: (request) => request, mount: () => {} };
