//! stub
#[derive(Debug, clap::Args)]
pub struct SocketFlags { 
  /// x
  #[arg(long)]
  pub show_options: bool }
impl SocketFlags { pub fn into_config(self) -> Result<crate::config::SocketOptions, crate::config::ConfigError> { Ok(Default::default()) }
  pub fn family(&self) -> crate::config::Family { crate::config::Family::Any } }
