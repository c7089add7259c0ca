"""The Docker sandbox: image, container, link."""
