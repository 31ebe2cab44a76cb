# Written by `cargo immortal runner`.
#
# The runner in Fargate, made of hello's package. It fetches a function's code when a task starts: this one image serves any
# function, and any version of its code. Build it again for a new version of immortal-lambda or of the base image.
FROM scratch

# The authorities that AWS's certificates are signed by, whatever the base has.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Who the user below is, in the place of the base's own users.
COPY passwd group /etc/
# /var/task, /opt and /tmp, owned by the user below. The root file system may be read-only: only these are written to.
ADD directories.tar /
VOLUME ["/var/task", "/opt", "/tmp"]

ARG TARGETARCH
COPY ${TARGETARCH}/bootstrap /usr/local/bin/immortal-runner

ENV IMMORTAL_ROLE=runner
STOPSIGNAL SIGTERM
USER 65532:65532
WORKDIR /var/task
ENTRYPOINT ["/usr/local/bin/immortal-runner"]

# .dockerignore
*
!ca-certificates.crt
!directories.tar
!passwd
!group
!amd64/bootstrap
!arm64/bootstrap
