# For Nix: `nix run`, `nix build` and `nix develop`. It stands here because Nix looks for a flake at the root of a
# repository. It was not run with nixpkgs (packaging/nix/package.nix says why), so it has no flake.lock; Nix writes one.
{
  description = "A netcat that knows messages and cuts them on purpose";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = nixpkgs.lib.genAttrs systems;
    in
    {
      packages = each (system: rec {
        secretcat = nixpkgs.legacyPackages.${system}.callPackage ./packaging/nix/package.nix { };
        default = secretcat;
      });

      apps = each (system: {
        default = {
          type = "app";
          program = "${self.packages.${system}.default}/bin/secretcat";
        };
      });

      devShells = each (system: {
        default = nixpkgs.legacyPackages.${system}.mkShell {
          inputsFrom = [ self.packages.${system}.default ];
        };
      });
    };
}
