"""The pages behind mailed links: for any browser, with no device and no session. Each changes something only by its
button, so that whoever merely follows links (a mail scanner, a preview) changes nothing.
"""
