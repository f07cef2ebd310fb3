# `scripts/image` fills the variables from git and calls `docker buildx bake`.
variable "IMAGE" {
  default = "tcp-sniffer"
}

variable "VERSION" {
  default = "dev"
}

variable "REVISION" {
  default = "unknown"
}

# When the commit was made, so that the same commit gives the same label. The others are in the Dockerfile.
variable "CREATED" {
  default = ""
}

group "default" {
  targets = ["appliance", "webhook"]
}

target "appliance" {
  target    = "appliance"
  tags      = ["${IMAGE}:${VERSION}"]
  platforms = ["linux/amd64", "linux/arm64"]
  args = {
    VERSION  = VERSION
    REVISION = REVISION
  }
  labels = {
    "org.opencontainers.image.created" = CREATED
  }
}

target "webhook" {
  target    = "webhook"
  tags      = ["${IMAGE}-webhook:${VERSION}"]
  platforms = ["linux/amd64", "linux/arm64"]
  args = {
    VERSION  = VERSION
    REVISION = REVISION
  }
  labels = {
    "org.opencontainers.image.created" = CREATED
  }
}
